// The loops over packed codes of four and two bits that share scales by group, one set of them for
// each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// The group of each place of a word whose codes are of eight groups.
constexpr unsigned group_of_place[8] = {0, 2, 4, 6, 1, 3, 5, 7};

// Which codes of four bits are counted together.
enum class CodeClasses : std::uint8_t {
  // Eight: those that are k + 1 more or less than 8, for k from 0 on. 8 itself is of none.
  folded,
  // Sixteen: each code by itself.
  each,
};

struct GroupKernels {
  // Counts codes, two in each byte, of groups that follow each other: how many of group i are of
  // class k is added to counts[places[i] + k]. Returns how many of all codes are 8 or more where
  // classes are folded. Fastest for groups of 16 and 32 bytes and whole 64 bytes.
  std::uint64_t (*count_classes)(const std::byte* codes, std::size_t groups,
                                 std::size_t group_bytes, CodeClasses classes,
                                 const std::uint32_t* places, std::uint32_t* counts);
  // The same for groups that lie abreast, in `lines` lines of n words of eight codes, `pitch` bytes
  // apart: the codes of word i of all lines are group i.
  std::uint64_t (*count_words)(const std::byte* codes, std::uint64_t pitch, std::size_t lines,
                               std::size_t n, CodeClasses classes, const std::uint32_t* places,
                               std::uint32_t* counts);
  // The codes in place k of word i of all lines are group 8 * i + group_of_place[k]. `lines` is a
  // multiple of 8.
  std::uint64_t (*count_places)(const std::byte* codes, std::uint64_t pitch, std::size_t lines,
                                std::size_t n, CodeClasses classes, const std::uint32_t* places,
                                std::uint32_t* counts);
  // Of n bytes of four codes of two bits, adds how often each code occurs: counts[4].
  void (*count_two_bits)(const std::byte* bytes, std::size_t n, std::uint64_t* counts);
  // The same of the codes in one place.
  void (*count_quarter)(const std::byte* bytes, std::size_t n, unsigned place,
                        std::uint64_t* counts);
};

}  // namespace weightgauge
