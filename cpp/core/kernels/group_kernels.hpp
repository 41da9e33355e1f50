// The loops over packed codes of four and two bits that share scales by group, one set of them for
// each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// The group of each place of a word whose codes are of eight groups.
constexpr unsigned group_of_place[8] = {0, 2, 4, 6, 1, 3, 5, 7};

struct GroupKernels {
  // Counts codes, two in each byte, of groups that follow each other: how many of group i are of
  // class k is added to counts[places[i] + k]. A code is of class k if bit k of classes[code] is
  // set, and of one class at most. Returns how many of all codes are 8 or more. Fastest for groups
  // of 16 and 32 bytes and whole 64 bytes.
  std::uint64_t (*count_classes)(const std::byte* codes, std::size_t groups,
                                 std::size_t group_bytes, const std::uint8_t* classes,
                                 const std::uint32_t* places, std::uint32_t* counts);
  // The same for groups that lie abreast, in `lines` lines of n words of eight codes, `pitch` bytes
  // apart: the codes of word i of all lines are group i.
  std::uint64_t (*count_words)(const std::byte* codes, std::uint64_t pitch, std::size_t lines,
                               std::size_t n, const std::uint8_t* classes,
                               const std::uint32_t* places, std::uint32_t* counts);
  // The codes in place k of word i of all lines are group 8 * i + group_of_place[k]. `lines` is a
  // multiple of 8.
  std::uint64_t (*count_places)(const std::byte* codes, std::uint64_t pitch, std::size_t lines,
                                std::size_t n, const std::uint8_t* classes,
                                const std::uint32_t* places, std::uint32_t* counts);
  // Of n bytes of four codes of two bits, adds how often each code is in this place: counts[4].
  void (*count_quarter)(const std::byte* bytes, std::size_t n, unsigned place,
                        std::uint64_t* counts);
};

}  // namespace weightgauge
