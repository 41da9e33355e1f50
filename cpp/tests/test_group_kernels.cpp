#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t origin = 3;  // codes need not be aligned
constexpr std::size_t most_classes = 16;

// So many neighbours share their cells, and those of the next ones begin so many further on: where
// that is less than there are classes, groups share some of their cells.
struct Cells {
  std::size_t shared;
  std::size_t apart;

  std::size_t of_group(std::size_t group) const { return group / shared * apart; }
};

unsigned code_in(const std::vector<std::byte>& codes, std::size_t byte, unsigned half) {
  return std::to_integer<unsigned>(codes[origin + byte]) >> (4 * half) & 15U;
}

// Counts as a kernel should: `visit` is given a function for the group and code of each code.
struct Expected {
  std::vector<std::uint32_t> counts;
  std::uint64_t upper = 0;

  template <class Visit>
  Expected(CodeClasses classes, std::size_t groups, const Cells& where, const Visit& visit)
      : counts(where.of_group(groups) + most_classes, 7) {
    visit([&](std::size_t group, unsigned code) {
      std::uint32_t* const cells = &counts[where.of_group(group)];
      if (classes == CodeClasses::each) {
        ++cells[code];
        return;
      }
      upper += code >= 8 ? 1 : 0;
      if (code != 8) {
        ++cells[(code > 8 ? code - 8 : 8 - code) - 1];
      }
    });
  }
};

std::vector<std::uint32_t> places_of(std::size_t groups, const Cells& where) {
  std::vector<std::uint32_t> places(groups);
  for (std::size_t i = 0; i < groups; ++i) {
    places[i] = static_cast<std::uint32_t>(where.of_group(i));
  }
  return places;
}

using Count = std::function<std::uint64_t(const GroupKernels&, const std::byte*, CodeClasses,
                                          const std::uint32_t*, std::uint32_t*)>;

template <class Visit>
void check(std::size_t bytes, std::size_t groups, const Count& count, const Visit& visit) {
  CAPTURE(groups);
  std::vector<std::byte> random = testing::random_bytes(origin + bytes, 71);
  for (const bool of_one_code : {false, true}) {
    if (of_one_code) {
      random.assign(random.size(), std::byte{0x77});
    }
    for (const CodeClasses classes : {CodeClasses::folded, CodeClasses::each}) {
      for (const Cells& where : {Cells{1, 16}, Cells{3, 16}, Cells{1, 5}}) {
        const Expected expected(classes, groups, where,
                                [&](const auto& take) { visit(random, take); });
        const std::vector<std::uint32_t> places = places_of(groups, where);
        for (const Kernels* const level : available_kernels()) {
          CAPTURE(level->level);
          std::vector<std::uint32_t> found(expected.counts.size(), 7);
          const std::uint64_t upper =
              count(level->groups, random.data() + origin, classes, places.data(), found.data());
          CHECK(found == expected.counts);
          CHECK(upper == expected.upper);
        }
      }
    }
  }
}

}  // namespace

TEST_SUITE("group_kernels") {
  TEST_CASE("codes of groups that follow each other are counted one by one") {
    const auto check_groups = [](std::size_t group_bytes, std::size_t groups) {
      CAPTURE(group_bytes);
      check(
          groups * group_bytes, groups,
          [&](const GroupKernels& kernels, const std::byte* codes, CodeClasses classes,
              const std::uint32_t* places, std::uint32_t* counts) {
            return kernels.count_classes(codes, groups, group_bytes, classes, places, counts);
          },
          [&](const std::vector<std::byte>& codes, const auto& take) {
            for (std::size_t i = 0; i < groups * group_bytes; ++i) {
              take(i / group_bytes, code_in(codes, i, 0));
              take(i / group_bytes, code_in(codes, i, 1));
            }
          });
    };
    for (const std::size_t group_bytes : {4U, 16U, 32U, 48U, 64U, 128U, 192U}) {
      for (const std::size_t groups : {1U, 3U, 31U, 32U, 65U, 600U}) {
        check_groups(group_bytes, groups);
      }
    }
    check_groups(64 * 700, 2);
  }

  TEST_CASE("codes of groups of which each line has a word are counted one by one") {
    for (const std::size_t lines : {1U, 2U, 4U, 7U, 8U, 12U, 16U, 27U, 28U, 29U, 32U, 56U, 57U}) {
      for (const std::size_t n : {1U, 16U, 32U, 63U, 64U, 136U, 1100U}) {
        CAPTURE(lines);
        const std::size_t pitch = 4 * n + 12;
        check(
            lines * pitch, n,
            [&](const GroupKernels& kernels, const std::byte* codes, CodeClasses classes,
                const std::uint32_t* places, std::uint32_t* counts) {
              return kernels.count_words(codes, pitch, lines, n, classes, places, counts);
            },
            [&](const std::vector<std::byte>& codes, const auto& take) {
              for (std::size_t i = 0; i < lines * 4 * n; ++i) {
                const std::size_t at = i / (4 * n) * pitch + i % (4 * n);
                take(i % (4 * n) / 4, code_in(codes, at, 0));
                take(i % (4 * n) / 4, code_in(codes, at, 1));
              }
            });
      }
    }
  }

  TEST_CASE("codes of groups of which each line has a code are counted one by one") {
    for (const std::size_t lines : {8U, 16U, 64U, 72U, 248U, 256U}) {
      for (const std::size_t n : {1U, 8U, 16U, 33U, 130U, 300U}) {
        CAPTURE(lines);
        const std::size_t pitch = 4 * n + 4;
        check(
            lines * pitch, 8 * n,
            [&](const GroupKernels& kernels, const std::byte* codes, CodeClasses classes,
                const std::uint32_t* places, std::uint32_t* counts) {
              return kernels.count_places(codes, pitch, lines, n, classes, places, counts);
            },
            [&](const std::vector<std::byte>& codes, const auto& take) {
              for (std::size_t i = 0; i < lines * 8 * n; ++i) {
                const std::size_t within = i % (8 * n);
                const unsigned place = static_cast<unsigned>(within % 8);
                const std::size_t at = i / (8 * n) * pitch + within / 8 * 4 + place / 2;
                take(within / 8 * 8 + group_of_place[place], code_in(codes, at, place % 2));
              }
            });
      }
    }
  }
}

}  // namespace weightgauge
