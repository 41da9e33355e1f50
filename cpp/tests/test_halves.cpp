#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using Counts = std::array<std::uint64_t, 8>;

struct Found {
  Counts counts{};
  std::uint64_t negatives = 0;
};

// One code after the other, from the definition of E2M1: a sign above three bits of magnitude.
Found counted_plainly(const std::byte* bytes, std::size_t n) {
  Found found;
  for (std::size_t i = 0; i < n; ++i) {
    for (const unsigned shift : {0U, 4U}) {
      const unsigned code = (std::to_integer<unsigned>(bytes[i]) >> shift) & 0x0FU;
      ++found.counts[code & 7U];
      found.negatives += code > 8 ? 1 : 0;
    }
  }
  return found;
}

PageNotes notes_of_halves() {
  PageNotes notes;
  notes.codes = {4, 0x100};
  return notes;
}

void check_counts(const Kernels& level, const std::byte* bytes, std::size_t n) {
  CAPTURE(level.level);
  CAPTURE(n);
  Counts counts{};
  level.count_halves(bytes, n, counts.data(), nullptr);
  CHECK(counts == counted_plainly(bytes, n).counts);
}

}  // namespace

TEST_SUITE("halves") {
  TEST_CASE("codes of every tail length are counted, at every level") {
    const std::vector<std::byte> bytes = testing::random_bytes(3 * page_bytes, 31);
    for (const Kernels* const level : available_kernels()) {
      for (std::size_t n = 0; n <= page_bytes + 70; ++n) {
        check_counts(*level, bytes.data(), n);
      }
      for (std::size_t n = 2 * page_bytes - 3; n <= 2 * page_bytes + 3; ++n) {
        check_counts(*level, bytes.data(), n);
      }
    }
  }

  TEST_CASE("bytes may begin anywhere in memory") {
    const std::vector<std::byte> bytes = testing::random_bytes(4 * page_bytes, 32);
    for (const Kernels* const level : available_kernels()) {
      for (std::size_t from = 0; from < 130; ++from) {
        check_counts(*level, bytes.data() + from, 2 * page_bytes + 333);
      }
    }
  }

  TEST_CASE("every code alone, in either half, fills no sum to overflowing") {
    std::vector<std::byte> bytes(200 * page_bytes + 17);
    for (const Kernels* const level : available_kernels()) {
      for (unsigned code = 0; code < 256; code += 17) {
        std::fill(bytes.begin(), bytes.end(), std::byte{static_cast<unsigned char>(code)});
        check_counts(*level, bytes.data(), bytes.size());
      }
      for (unsigned code = 0; code < 16; ++code) {
        for (const unsigned byte : {code, code << 4}) {
          std::fill(bytes.begin(), bytes.begin() + 5000,
                    std::byte{static_cast<unsigned char>(byte)});
          check_counts(*level, bytes.data(), 5000);
        }
      }
    }
  }

  TEST_CASE("counts are added to those before") {
    const std::vector<std::byte> bytes = testing::random_bytes(10'000, 33);
    for (const Kernels* const level : available_kernels()) {
      Counts counts{};
      level->count_halves(bytes.data(), 6000, counts.data(), nullptr);
      level->count_halves(bytes.data() + 6000, 4000, counts.data(), nullptr);
      CHECK(counts == counted_plainly(bytes.data(), bytes.size()).counts);
    }
  }

  TEST_CASE("whole pages are noted as note_pages() notes them, and the rest is only counted") {
    std::vector<std::byte> bytes = testing::random_bytes(20 * page_bytes + 500, 34);
    std::fill(bytes.begin() + 3000, bytes.begin() + 9000, std::byte{0});
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      PageNotes expected = notes_of_halves();
      level->note_pages(bytes.data(), 20 * page_bytes, expected);
      CHECK(expected.negatives == counted_plainly(bytes.data(), 20 * page_bytes).negatives);
      PageNotes notes = notes_of_halves();
      Counts counts{};
      level->count_halves(bytes.data(), bytes.size(), counts.data(), &notes);
      CHECK(counts == counted_plainly(bytes.data(), bytes.size()).counts);
      CHECK(notes.sum == expected.sum);
      CHECK(notes.zero_pages == expected.zero_pages);
      CHECK(notes.negatives == expected.negatives);
      CHECK(notes.page == 20);
    }
  }
}

}  // namespace weightgauge
