#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>

#include "core/decode/block_scale.hpp"
#include "core/decode/low_rank.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/scan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using testing::bytes_of;
using testing::no_watch;
using testing::random_bytes;
using testing::reference_value;
using testing::Tally;

// Counts every magnitude of a decoded slice, one by one.
Tally tally_of(const ByteSource& source, const View& view, std::uint64_t step) {
  Tally found;
  ReadBuffer buffer;
  const std::uint64_t items = view.items();
  for (std::uint64_t from = 0; from < items; from += step) {
    for_each_stretch(source, view, from, std::min(items, from + step), buffer,
                     [&](const std::byte* values, std::size_t n) {
                       for (std::size_t i = 0; i < n; ++i) {
                         std::uint64_t bits = 0;
                         const std::size_t item = item_bytes(view.dtype);
                         std::memcpy(&bits, values + i * item, item);
                         found.add(reference_value(view.dtype, bits));
                       }
                     });
  }
  return found;
}

void check_same(const Tally& a, const Tally& b) {
  CHECK(a.n == b.n);
  CHECK(a.zeros == b.zeros);
  CHECK(a.nans == b.nans);
  CHECK(a.infs == b.infs);
  CHECK(a.magnitudes == b.magnitudes);
}

}  // namespace

TEST_SUITE("decoding") {
  TEST_CASE("blocks of codes are multiplied by their scales, whatever the order and the step") {
    constexpr std::uint64_t matrices = 2, rows = 37, columns = 53, high = 8, wide = 20;
    const std::vector<std::byte> codes = random_bytes(matrices * rows * columns, 1);
    const std::vector<float> scales = testing::normal_floats(matrices * 5 * 3, 2);
    const std::vector<std::byte> scale_bytes = bytes_of(scales);
    const MemorySource source(codes.data(), codes.size());
    const MemorySource scale_source(scale_bytes.data(), scale_bytes.size());
    const auto decoding = std::make_shared<BlockScale>(
        DType::f8_e5m2, BlockGrid{0, matrices, rows, columns, high, wide}, codes.size(),
        FloatReader(scale_source, DType::f32, 0, scales.size()));
    Tally expected;
    for (std::uint64_t i = 0; i < codes.size(); ++i) {
      const std::uint64_t line = i / columns;
      const std::uint64_t block = (line / rows * 5 + line % rows / high) * 3 + i % columns / wide;
      const auto value = static_cast<float>(
          reference_value(DType::f8_e5m2, std::to_integer<std::uint64_t>(codes[i])));
      expected.add(static_cast<double>(value * scales[block]));
    }
    const View whole = contiguous_view(DType::f8_e5m2, 0, codes.size());
    const View turned = normalised_view(
        DType::f8_e5m2, 0, {{columns, 1}, {rows, columns}, {matrices, rows * columns}});
    // This view has columns first. It is made by hand, because normalising would sort the
    // dimensions.
    View across = whole;
    across.dims = {{columns, 1}, {matrices * rows, columns}};
    for (const View& view : {whole, turned, across}) {
      for (const std::uint64_t step : {1ULL, 19ULL, 4096ULL}) {
        check_same(tally_of(source, decoded_view(view, decoding), step), expected);
      }
    }
  }

  TEST_CASE("every pair of F4 codes under every scale is exact in BF16") {
    for (const DType scale_format : {DType::f8_e8m0, DType::f8_e4m3}) {
      std::vector<std::byte> codes, scales;
      Tally expected;
      for (unsigned scale = 0; scale < 256; ++scale) {
        scales.push_back(static_cast<std::byte>(scale));
        const double by = reference_value(scale_format, scale);
        for (unsigned pair = 0; pair < 256; ++pair) {
          codes.push_back(static_cast<std::byte>(pair));
          for (const unsigned code : {pair & 15U, pair >> 4}) {
            const double value = reference_value(DType::f4_unpacked, code) * by;
            const bool beyond = std::fabs(value) >= std::ldexp(1.0, 128);
            expected.add(beyond ? std::numeric_limits<double>::infinity() : value);
          }
        }
      }
      const MemorySource source(codes.data(), codes.size());
      const MemorySource scale_source(scales.data(), scales.size());
      const auto decoding =
          std::make_shared<BlockScale>(DType::f4, BlockGrid{0, 1, 256, 256, 1, 256}, codes.size(),
                                       FloatReader(scale_source, scale_format, 0, 256));
      const View view = decoded_view(contiguous_view(DType::f4, 0, codes.size()), decoding);
      CHECK(view.dtype == DType::bf16);
      CHECK(view.items() == 2 * codes.size());
      CHECK(view.stored_bytes(view.items()) == codes.size());
      check_same(tally_of(source, view, 512), expected);
    }
  }

  TEST_CASE("scales are multiplied with one scale of all, or divided by it, before the codes") {
    const std::vector<std::byte> codes = random_bytes(6 * 16, 3);
    const std::vector<std::byte> scales = random_bytes(6 * 2, 4);
    const std::vector<float> of_all = {0.0371F};
    const std::vector<std::byte> of_all_bytes = bytes_of(of_all);
    const MemorySource source(codes.data(), codes.size());
    const MemorySource scale_source(scales.data(), scales.size());
    const MemorySource of_all_source(of_all_bytes.data(), of_all_bytes.size());
    const FloatReader number(of_all_source, DType::f32, 0, 1);
    for (const bool divides : {false, true}) {
      Tally expected;
      for (std::size_t i = 0; i < codes.size(); ++i) {
        const auto scale = static_cast<float>(
            reference_value(DType::f8_e4m3, std::to_integer<std::uint64_t>(scales[i / 8])));
        const float by = divides ? scale / of_all[0] : scale * of_all[0];
        for (const unsigned shift : {0U, 4U}) {
          const auto code = static_cast<float>(reference_value(
              DType::f4_unpacked, std::to_integer<std::uint64_t>(codes[i]) >> shift & 15U));
          expected.add(static_cast<double>(code * by));
        }
      }
      const auto decoding = std::make_shared<BlockScale>(
          DType::f4, BlockGrid{0, 1, 6, 16, 1, 8}, codes.size(),
          FloatReader(scale_source, DType::f8_e4m3, 0, 12), ScaleOfAll{number, divides});
      const View view = decoded_view(contiguous_view(DType::f4, 0, codes.size()), decoding);
      CHECK(view.dtype == DType::f32);
      check_same(tally_of(source, view, 7), expected);
      check_same(tally_of(source, view, 512), expected);
    }
    const ScaleOfAll two{FloatReader(scale_source, DType::f8_e4m3, 0, 2), false};
    CHECK_THROWS_AS(BlockScale(DType::f4, {0, 1, 6, 16, 1, 8}, codes.size(),
                               FloatReader(scale_source, DType::f8_e4m3, 0, 12), two),
                    std::invalid_argument);
  }

  TEST_CASE("scales and codes that do not fit are refused") {
    const std::vector<std::byte> bytes(64);
    const MemorySource source(bytes.data(), bytes.size());
    const auto make = [&](const BlockGrid& grid, std::uint64_t scales, DType format) {
      return BlockScale(DType::f8_e4m3, grid, 64, FloatReader(source, format, 0, scales)).end();
    };
    constexpr std::uint64_t huge = std::uint64_t{1} << 40;
    CHECK(make({0, 1, 8, 8, 4, 4}, 4, DType::f32) == 64);
    CHECK_THROWS_AS(make({0, 1, 8, 8, 4, 4}, 3, DType::f32), std::invalid_argument);
    CHECK_THROWS_AS(make({1, 1, 8, 8, 4, 4}, 4, DType::f32), std::invalid_argument);
    CHECK_THROWS_AS(make({0, huge, huge, huge, 4, 4}, 4, DType::f32), std::invalid_argument);
    CHECK_THROWS_AS(make({0, 1, 8, 8, 0, 4}, 4, DType::f32), std::invalid_argument);
    CHECK_THROWS_AS(make({0, 0, 8, 8, 4, 4}, 4, DType::f32), std::invalid_argument);
    CHECK_THROWS_AS(make({0, 1, 8, 8, 4, 4}, 4, DType::f64), std::invalid_argument);
  }

  TEST_CASE("products of thin factors are summed in one order, whatever is asked for") {
    // The second right factor is too wide to be kept as a whole.
    struct Size {
      std::uint64_t rows, rank, columns;
    };
    for (const Size size : {Size{23, 7, 31}, Size{3, 300, 5000}}) {
      const std::vector<float> left = testing::normal_floats(size.rows * size.rank, 3);
      const std::vector<float> right = testing::normal_floats(size.rank * size.columns, 4);
      const std::vector<std::byte> left_bytes = bytes_of(left);
      const std::vector<std::byte> right_bytes = bytes_of(right);
      const MemorySource left_source(left_bytes.data(), left_bytes.size());
      const MemorySource right_source(right_bytes.data(), right_bytes.size());
      const auto product = std::make_shared<LowRank>(
          size.rows, size.rank, size.columns, FloatReader(left_source, DType::f32, 0, left.size()),
          FloatReader(right_source, DType::f32, 0, right.size()), 0.5F);
      View view = contiguous_view(DType::f8_e8m0, 0, product->items());
      const Tally whole = tally_of(left_source, decoded_view(view, product), 1U << 20);
      check_same(tally_of(left_source, decoded_view(view, product), 997), whole);
      view.dims = {{size.columns, 1}, {size.rows, static_cast<std::int64_t>(size.columns)}};
      if (size.rank < 100) {
        check_same(tally_of(left_source, decoded_view(view, product), 64), whole);
      }
      CHECK(whole.n == size.rows * size.columns);
      double squares = 0, expected = 0;
      for (const auto& [magnitude, count] : whole.magnitudes) {
        squares += magnitude * magnitude * static_cast<double>(count);
      }
      for (std::uint64_t i = 0; i < size.rows; ++i) {
        for (std::uint64_t j = 0; j < size.columns; ++j) {
          double sum = 0;
          for (std::uint64_t t = 0; t < size.rank; ++t) {
            sum += static_cast<double>(left[i * size.rank + t]) *
                   static_cast<double>(right[t * size.columns + j]);
          }
          expected += sum * sum / 4;
        }
      }
      CHECK(squares == doctest::Approx(expected).epsilon(1e-6));  // sums in float32
    }
  }

  TEST_CASE("factors that do not fit are refused") {
    const std::vector<std::byte> bytes(64);
    const MemorySource source(bytes.data(), bytes.size());
    const FloatReader four(source, DType::f32, 0, 4);
    const FloatReader six(source, DType::f32, 0, 6);
    CHECK(LowRank(2, 2, 3, four, six, 1.0F).items() == 6);
    CHECK_THROWS_AS(LowRank(2, 2, 2, four, six, 1.0F), std::invalid_argument);
    CHECK_THROWS_AS(LowRank(2, 0, 3, four, six, 1.0F), std::invalid_argument);
    constexpr std::uint64_t huge = std::uint64_t{1} << 63;
    CHECK_THROWS_AS(LowRank(huge, 2, 3, four, six, 1.0F), std::invalid_argument);
  }
}

}  // namespace weightgauge
