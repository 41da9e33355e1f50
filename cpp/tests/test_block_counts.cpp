#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/decode/block_scale.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t rows = 40;
constexpr std::size_t row_bytes = 96;
constexpr std::size_t origin = 5;
constexpr std::size_t sizes[] = {1, 7, 8, 15, 16, 17, 31, 96, 200, 1000, 3840};

// Codes of random bytes with their scales, one after the other.
struct ScaledCodes {
  ScaledCodes(DType format, std::size_t block, std::vector<std::byte> scale_bytes)
      : codes(testing::random_bytes(origin + rows * row_bytes, 51)),
        scales(std::move(scale_bytes)),
        scale_format(format),
        block_bytes(block),
        source(codes.data(), codes.size()),
        scale_source(scales.data(), scales.size()),
        decoding(DType::f4, BlockGrid{origin, 1, rows, row_bytes, 1, block}, codes.size(),
                 FloatReader(scale_source, format, 0, scales.size())) {}

  std::vector<std::byte> codes;
  std::vector<std::byte> scales;
  DType scale_format;
  std::size_t block_bytes;
  MemorySource source;
  MemorySource scale_source;
  BlockScale decoding;
};

std::vector<std::byte> scales_up_to(std::size_t blocks, unsigned from, unsigned to) {
  std::vector<std::byte> scales = testing::random_bytes(blocks, 52);
  for (std::byte& scale : scales) {
    scale = static_cast<std::byte>(from + std::to_integer<unsigned>(scale) % (to - from));
  }
  return scales;
}

// The same from the definitions of the formats, one code after the other.
void check_run(const ScaledCodes& scaled, std::size_t first, std::size_t n) {
  std::vector<std::uint32_t> expected(item_codes);
  std::uint64_t expected_negatives = 0;
  for (std::size_t i = first; i < first + n; ++i) {
    const auto byte = std::to_integer<unsigned>(scaled.codes[origin + i]);
    const double by = testing::reference_value(
        scaled.scale_format, std::to_integer<unsigned>(scaled.scales[i / scaled.block_bytes]));
    for (const unsigned code : {byte & 15U, byte >> 4}) {
      const auto value =
          static_cast<float>(testing::reference_value(DType::f4_unpacked, code) * by);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      ++expected[std::isnan(value) ? 0x7FC0U : bits >> 16 & 0x7FFFU];
      expected_negatives += std::isfinite(value) && value < 0 ? 1 : 0;
    }
  }
  std::vector<std::uint32_t> counts(item_codes);
  ReadBuffer buffer;
  const Run run{origin + first, n, 1};
  REQUIRE(scaled.decoding.can_count(scaled.source, run));
  CHECK(scaled.decoding.count(scaled.source, run, buffer, counts.data(), nullptr) ==
        expected_negatives);
  std::uint32_t nans = 0;
  for (std::size_t code = 0x7F81; code < item_codes; ++code) {
    nans += counts[code];
    counts[code] = 0;
  }
  counts[0x7FC0] = nans;
  CHECK(counts == expected);
}

// Blocks of codes as they are counted one code after the other.
std::unique_ptr<ScaledHalves> counted_plainly(const std::vector<std::byte>& codes,
                                              const std::vector<std::byte>& scales,
                                              std::size_t block) {
  auto expected = std::make_unique<ScaledHalves>();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(codes[i]);
    std::uint64_t* const of_scale = expected->of[std::to_integer<unsigned>(scales[i / block])];
    for (const unsigned code : {byte & 15U, byte >> 4}) {
      of_scale[0] += code > 8 ? 1 : 0;
      of_scale[code & 7] += (code & 7) != 0 ? 1 : 0;
    }
  }
  return expected;
}

void check_at_all_levels(const std::vector<std::byte>& codes, const std::vector<std::byte>& scales,
                         std::size_t block, const ScaledHalves& expected) {
  PageNotes whole;
  whole.page = 5;
  const std::size_t pages = codes.size() / page_bytes;
  std::vector<std::byte> space(scaled_space + 1);
  available_kernels().front()->note_pages(codes.data(), pages * page_bytes, whole);
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    for (const bool noted : {false, true}) {
      PageNotes notes;
      notes.page = 5;
      const auto counts = std::make_unique<ScaledHalves>();
      level->count_scaled_halves({codes.data(), scales.data(), scales.size(), block}, *counts,
                                 space.data() + 1, noted ? &notes : nullptr);
      CHECK(std::memcmp(counts.get(), &expected, sizeof expected) == 0);
      CHECK(notes.page == 5 + (noted ? pages : 0));
      CHECK(notes.sum == (noted ? whole.sum : 0));
      CHECK(notes.zero_pages == (noted ? whole.zero_pages : 0));
    }
  }
}

void check_at_all_levels(const std::vector<std::byte>& codes, const std::vector<std::byte>& scales,
                         std::size_t block) {
  check_at_all_levels(codes, scales, block, *counted_plainly(codes, scales, block));
}

void check_all_runs(const ScaledCodes& scaled) {
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    use_kernels(level->level);
    for (const std::size_t n : sizes) {
      for (const std::size_t first : {0U, 1U, 8U, 13U, 16U}) {
        if (first + n <= rows * row_bytes) {
          CAPTURE(n);
          CAPTURE(first);
          check_run(scaled, first, n);
        }
      }
    }
  }
  use_kernels("auto");
}

}  // namespace

TEST_SUITE("block_counts") {
  TEST_CASE("F4 codes are counted by block as their values would be, at every level") {
    for (const std::size_t block : {8U, 16U}) {
      CAPTURE(block);
      const std::size_t blocks = rows * row_bytes / block;
      // Scales of E8M0 that give no infinite product, then those that give some, and NaN.
      check_all_runs(ScaledCodes(DType::f8_e8m0, block, scales_up_to(blocks, 0, 253)));
      check_all_runs(ScaledCodes(DType::f8_e8m0, block, scales_up_to(blocks, 0, 256)));
      // E4M3 has a sign, zeros and NaN.
      check_all_runs(ScaledCodes(DType::f8_e4m3, block, scales_up_to(blocks, 0, 256)));
    }
  }

  TEST_CASE("one scale among usual ones is counted as what it is, whichever it is") {
    for (const DType format : {DType::f8_e8m0, DType::f8_e4m3}) {
      for (unsigned scale = 0; scale < 256; ++scale) {
        CAPTURE(scale);
        std::vector<std::byte> scales(rows * row_bytes / 8, std::byte{100});
        scales[7] = static_cast<std::byte>(scale);
        ScaledCodes scaled(format, 8, scales);
        check_run(scaled, 0, 100);
        std::fill_n(scaled.codes.begin() + origin + 7 * 8, 8, std::byte{0});  // of it alone
        check_run(scaled, 0, 100);
      }
    }
  }

  TEST_CASE("one scale for very many blocks fills no sum to overflowing") {
    for (const std::size_t block : {8U, 16U}) {
      const std::size_t blocks = 40'000;
      const std::vector<std::byte> codes(blocks * block, std::byte{0xFF});
      const std::vector<std::byte> scales(blocks, std::byte{120});
      const auto expected = std::make_unique<ScaledHalves>();
      expected->of[120][0] = expected->of[120][7] = 2 * blocks * block;
      check_at_all_levels(codes, scales, block, *expected);
    }
  }

  TEST_CASE("two scales that fill the cell of their pair are counted, and noted once") {
    for (const std::size_t block : {8U, 16U}) {
      std::vector<std::byte> codes = testing::random_bytes(block * 33'000, 54);
      std::fill_n(codes.begin(), block * 32'000, std::byte{0x55});
      std::vector<std::byte> scales(33'000);
      for (std::size_t i = 0; i < scales.size(); ++i) {
        // No scale is that of the block four before it, but for the others' sake.
        scales[i] = static_cast<std::byte>(i % 1000 == 7    ? 30 + i / 1000
                                           : i / 4 % 2 == 0 ? 40
                                                            : 60);
      }
      check_at_all_levels(codes, scales, block);
    }
  }

  TEST_CASE("any number of blocks is counted one by one, at every level") {
    const std::size_t most = 33'000;
    const std::vector<std::byte> codes = testing::random_bytes(16 * most, 53);
    // All scales; a few of them; and as many as are counted by pairs, or one more.
    using Range = std::pair<unsigned, unsigned>;
    for (const Range& range : {Range{0, 256}, {7, 8}, {0, 16}, {211, 256}, {1, 47}}) {
      CAPTURE(range.first);
      const std::vector<std::byte> scales = scales_up_to(most, range.first, range.second);
      for (const std::size_t block : {8U, 16U}) {
        for (const std::size_t blocks : {0U, 1U, 7U, 8U, 9U, 255U, 256U, 771U, 20'481U, 33'000U}) {
          CAPTURE(blocks);
          check_at_all_levels({codes.begin(), codes.begin() + static_cast<long>(blocks * block)},
                              {scales.begin(), scales.begin() + static_cast<long>(blocks)}, block);
        }
      }
    }
  }

  TEST_CASE("blocks that rows cut, or of another size, are not counted that way") {
    const std::vector<std::byte> bytes(4096);
    const MemorySource source(bytes.data(), bytes.size());
    const auto can_count = [&](std::uint64_t columns, std::uint64_t block_rows,
                               std::uint64_t block_columns, std::uint64_t stride) {
      const std::uint64_t across = (columns - 1) / block_columns + 1;
      const std::uint64_t down = (8 - 1) / block_rows + 1;
      const BlockScale decoding(DType::f4, BlockGrid{0, 1, 8, columns, block_rows, block_columns},
                                bytes.size(),
                                FloatReader(source, DType::f8_e8m0, 0, across * down));
      return decoding.can_count(source, {0, 8, stride});
    };
    CHECK(can_count(64, 1, 16, 1));
    CHECK(can_count(64, 1, 8, 1));
    CHECK(!can_count(60, 1, 16, 1));
    CHECK(!can_count(64, 2, 16, 1));
    CHECK(!can_count(64, 1, 32, 1));
    CHECK(!can_count(64, 1, 16, 64));
  }
}

}  // namespace weightgauge
