// The loops over packed codes of four and two bits that share scales by group, one set of them for
// each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

struct GroupKernels {
  // Counts codes, two in each byte, of groups that follow each other: how many of group i are of
  // class k is added to counts[places[i] + k]. A code is of class k if bit k of classes[code] is
  // set, and of one class at most. Returns how many of all codes are 8 or more. Fastest for groups
  // of 16 and 32 bytes and whole 64 bytes.
  std::uint64_t (*count_classes)(const std::byte* codes, std::size_t groups,
                                 std::size_t group_bytes, const std::uint8_t* classes,
                                 const std::uint32_t* places, std::uint32_t* counts);
  // Of `lines` lines of n words, `pitch` bytes apart, writes the first word of each line, then the
  // second of each, and so on.
  void (*transpose_words)(const std::byte* from, std::uint64_t pitch, std::size_t lines,
                          std::size_t n, std::byte* to);
  // Of eight lines of n words, writes eight others: line k has the codes in place k of the words,
  // that of the first line in the lowest bits.
  void (*part_codes)(const std::byte* from, std::uint64_t pitch, std::size_t n, std::byte* to,
                     std::uint64_t to_pitch);
  // Of n bytes of four codes of two bits, adds how often each code is in this place: counts[4].
  void (*count_quarter)(const std::byte* bytes, std::size_t n, unsigned place,
                        std::uint64_t* counts);
};

}  // namespace weightgauge
