#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/decode/balance.hpp"
#include "core/decode/difference.hpp"
#include "core/decode/value_reader.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/scan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using testing::bytes_of;
using testing::no_watch;
using testing::random_bytes;
using testing::reference_value;

std::vector<double> all_values(const ValueReader& reader, std::uint64_t step) {
  ReadBuffer buffer;
  std::vector<double> values(reader.values());
  for (std::uint64_t from = 0; from < values.size(); from += step) {
    reader.read(from, std::min<std::uint64_t>(step, values.size() - from), buffer,
                values.data() + from);
  }
  return values;
}

// Sum of the magnitudes of a slice, and the number of its zeros.
struct Totals {
  double sum = 0;
  std::uint64_t zeros = 0;
};

Totals totals_of(const ByteSource& source, const View& view) {
  Totals found;
  ReadBuffer buffer;
  for_each_stretch(source, view, 0, view.items(), buffer,
                   [&](const std::byte* from, std::size_t n) {
                     for (std::size_t i = 0; i < n; ++i) {
                       float value = 0;
                       std::memcpy(&value, from + i * sizeof value, sizeof value);
                       found.sum += std::abs(static_cast<double>(value));
                       found.zeros += value == 0 ? 1 : 0;
                     }
                   });
  return found;
}

}  // namespace

TEST_SUITE("derived") {
  TEST_CASE("values of every format, whatever the step") {
    for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::f8_e4m3,
                              DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e8m0}) {
      CAPTURE(std::string(dtype_name(dtype)));
      constexpr std::uint64_t items = 70'001;
      const std::size_t item = item_bytes(dtype);
      const std::vector<std::byte> bytes = random_bytes(items * item, 5);
      const MemorySource source(bytes.data(), bytes.size());
      const ValueReader reader(source, contiguous_view(dtype, 0, items));
      REQUIRE(reader.values() == items);
      std::uint64_t wrong = 0;
      for (const std::uint64_t step : {items, std::uint64_t{997}}) {
        const std::vector<double> values = all_values(reader, step);
        for (std::uint64_t i = 0; i < items; ++i) {
          std::uint64_t bits = 0;
          std::memcpy(&bits, bytes.data() + i * item, item);
          const double expected = reference_value(dtype, bits);
          const bool same = std::isnan(expected) ? std::isnan(values[i]) : values[i] == expected;
          wrong += same ? 0 : 1;
        }
      }
      CHECK(wrong == 0);
    }
  }

  TEST_CASE("one of two values in a byte can be read") {
    const std::vector<std::byte> bytes = random_bytes(50, 6);
    const MemorySource source(bytes.data(), bytes.size());
    const ValueReader reader(source, contiguous_view(DType::f4, 0, 50));
    REQUIRE(reader.values() == 100);
    const std::vector<double> whole = all_values(reader, 100);
    CHECK(all_values(reader, 7) == whole);
    CHECK(all_values(reader, 1) == whole);
  }

  TEST_CASE("pieces with strides come row after row") {
    const std::vector<float> floats = testing::normal_floats(60, 7);
    const std::vector<std::byte> bytes = bytes_of(floats);
    const MemorySource source(bytes.data(), bytes.size());
    // Columns 2 and 3 of 12 rows of 5.
    const View view = checked_view(DType::f32, 8, {{12, 20}, {2, 4}}, bytes.size());
    const std::vector<double> values = all_values({source, view}, 5);
    for (std::size_t i = 0; i < 24; ++i) {
      CHECK(values[i] == floats[i / 2 * 5 + 2 + i % 2]);
    }
  }

  TEST_CASE("equal values differ by zero, NaN and infinities included") {
    constexpr double inf = std::numeric_limits<double>::infinity();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<float> a = {1.0F, static_cast<float>(inf), static_cast<float>(nan),
                                  2.0F, static_cast<float>(nan), 0.0F};
    const std::vector<float> b = {
        1.0F, static_cast<float>(inf), static_cast<float>(nan), 5.0F, 1.0F, -0.0F};
    const std::vector<std::byte> bytes_a = bytes_of(a);
    const std::vector<std::byte> bytes_b = bytes_of(b);
    const MemorySource source_a(bytes_a.data(), bytes_a.size());
    const MemorySource source_b(bytes_b.data(), bytes_b.size());
    const View view = contiguous_view(DType::f32, 0, a.size());
    auto difference =
        std::make_shared<Difference>(ValueReader(source_a, view), ValueReader(source_b, view));
    Control control;
    ScanOptions options;
    std::vector<std::unique_ptr<ByteSource>> sources;
    sources.push_back(std::make_unique<MemorySource>(bytes_a.data(), bytes_a.size()));
    const SliceResult result = std::move(
        scan(sources, {{0, made_view(a.size(), difference)}}, options, control, no_watch).front());
    CHECK(result.histogram.zeros == 4);
    CHECK(result.histogram.nans == 1);
    CHECK(result.n == 1);
    CHECK(result.max == 3.0);
  }

  TEST_CASE("slices of different lengths have no difference") {
    const std::vector<std::byte> bytes = random_bytes(64, 8);
    const MemorySource source(bytes.data(), bytes.size());
    const ValueReader four(source, contiguous_view(DType::f32, 0, 4));
    const ValueReader five(source, contiguous_view(DType::f32, 0, 5));
    CHECK_THROWS_AS(Difference(four, five), std::invalid_argument);
    CHECK_NOTHROW(Difference(four, {source, contiguous_view(DType::f64, 0, 4)}));
  }

  TEST_CASE("factors do not depend on threads, and balance what has a scale for rows and columns") {
    constexpr std::uint64_t rows = 700, columns = 333;
    std::vector<float> floats(rows * columns);
    for (std::uint64_t i = 0; i < floats.size(); ++i) {
      const double row = 1.0 + static_cast<double>(i / columns);
      const double column = 1.0 + static_cast<double>(i % columns);
      floats[i] = static_cast<float>((i % 2 == 0 ? 1 : -1) * row / column);
    }
    floats[5] = std::numeric_limits<float>::infinity();
    const std::vector<std::byte> bytes = bytes_of(floats);
    const MemorySource source(bytes.data(), bytes.size());
    const ValueReader matrix(source, contiguous_view(DType::f32, 0, floats.size()));
    Control control;
    const std::vector<BalanceFactors> one =
        balance_factors({matrix, matrix}, {{columns, 0}, {columns, 0}}, 0, control, no_watch);
    const std::vector<BalanceFactors> many =
        balance_factors({matrix, matrix}, {{columns, 0}, {columns, 0}}, 5, control, no_watch);
    CHECK(one[0].rows == many[0].rows);
    CHECK(one[1].columns == many[1].columns);
    // Two calls, two matrices, two sweeps.
    CHECK(control.bytes_done == 8 * floats.size());
    // |w| = r / c becomes 1 everywhere, the lost element makes no difference.
    auto balanced = std::make_shared<Balanced>(matrix, one[0]);
    CHECK(balanced->items() == floats.size());
    ReadBuffer buffer;
    std::uint64_t alike = 0;
    for_each_stretch(source, made_view(floats.size(), balanced), 0, floats.size(), buffer,
                     [&](const std::byte* from, std::size_t n) {
                       for (std::size_t i = 0; i < n; ++i) {
                         float value = 0;
                         std::memcpy(&value, from + i * sizeof value, sizeof value);
                         alike += std::abs(std::abs(value) - 1.0F) < 1e-5F ? 1 : 0;
                       }
                     });
    CHECK(alike == floats.size() - 1);
  }

  TEST_CASE("rows and columns of zeros stay zeros") {
    const std::vector<std::byte> zeros(120 * sizeof(float));
    const MemorySource source(zeros.data(), zeros.size());
    const ValueReader matrix(source, contiguous_view(DType::f32, 0, 120));
    Control control;
    std::vector<BalanceFactors> factors =
        balance_factors({matrix}, {{12, 0}}, 2, control, no_watch);
    auto balanced = std::make_shared<Balanced>(matrix, std::move(factors[0]));
    const Totals totals = totals_of(source, made_view(120, balanced));
    CHECK(totals.zeros == 120);
    CHECK(totals.sum == 0);
  }

  TEST_CASE("one element has no power over its row and column") {
    constexpr std::uint64_t rows = 64, columns = 64;
    std::vector<float> floats = testing::normal_floats(rows * columns, 11);
    const auto factors_of = [&](const std::vector<float>& from) {
      const std::vector<std::byte> bytes = bytes_of(from);
      const MemorySource source(bytes.data(), bytes.size());
      Control control;
      return balance_factors({{source, contiguous_view(DType::f32, 0, from.size())}},
                             {{columns, 0}}, 0, control, no_watch)
          .front();
    };
    floats[5 * columns + 7] = 0;
    const BalanceFactors before = factors_of(floats);
    for (const float size : {60.0F, 1e30F}) {
      floats[5 * columns + 7] = size;
      const BalanceFactors after = factors_of(floats);
      // 3.7 squared in 64 squares, and a little more because the scale had grown a little before.
      CHECK(before.rows[5] / after.rows[5] < 1.25);
      CHECK(before.columns[7] / after.columns[7] < 1.25);
    }
  }

  TEST_CASE("magnitudes beyond float32 become its largest, infinite ones stay so") {
    std::vector<double> values(400, 1.0);
    values[21] = 1e300;
    values[22] = -1e300;
    values[23] = std::numeric_limits<double>::infinity();
    const std::vector<std::byte> bytes = bytes_of(values);
    const MemorySource source(bytes.data(), bytes.size());
    const ValueReader matrix(source, contiguous_view(DType::f64, 0, values.size()));
    Control control;
    std::vector<BalanceFactors> factors =
        balance_factors({matrix}, {{20, scaled(1e300).exponent}}, 0, control, no_watch);
    auto balanced = std::make_shared<Balanced>(matrix, std::move(factors[0]));
    ReadBuffer buffer;
    std::vector<double> made(values.size());
    ValueReader(source, made_view(values.size(), balanced))
        .read(0, made.size(), buffer, made.data());
    CHECK(made[21] == static_cast<double>(std::numeric_limits<float>::max()));
    CHECK(made[22] == -static_cast<double>(std::numeric_limits<float>::max()));
    CHECK(std::isinf(made[23]));
    CHECK(made[0] == doctest::Approx(1.0).epsilon(0.05));
  }

  TEST_CASE("squares that a double cannot hold are balanced all the same") {
    for (const double size : {3e307, 1.0, 1e-307, 4e-320}) {
      std::vector<double> values(600);
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = (i % 2 == 0 ? 0.6 : 1.0) * size;
      }
      const std::vector<std::byte> bytes = bytes_of(values);
      const MemorySource source(bytes.data(), bytes.size());
      const ValueReader matrix(source, contiguous_view(DType::f64, 0, values.size()));
      const int exponent = scaled(size).exponent;
      Control control;
      std::vector<BalanceFactors> factors =
          balance_factors({matrix}, {{20, exponent}}, 0, control, no_watch);
      auto balanced = std::make_shared<Balanced>(matrix, std::move(factors[0]));
      // All rows have the same two magnitudes, one in each of two columns: both become 1.
      const Totals totals = totals_of(source, made_view(values.size(), balanced));
      CHECK(totals.zeros == 0);
      CHECK(totals.sum == doctest::Approx(600).epsilon(1e-4));
    }
  }

  TEST_CASE("columns must divide the values") {
    const std::vector<std::byte> bytes = random_bytes(64, 9);
    const MemorySource source(bytes.data(), bytes.size());
    const ValueReader matrix(source, contiguous_view(DType::f32, 0, 16));
    Control control;
    CHECK_THROWS_AS(balance_factors({matrix}, {{5, 0}}, 0, control, no_watch),
                    std::invalid_argument);
    CHECK_THROWS_AS(balance_factors({matrix}, {{0, 0}}, 0, control, no_watch),
                    std::invalid_argument);
    CHECK_THROWS_AS(Balanced(matrix, {0, {1.0}, {1.0}}), std::invalid_argument);
  }
}

}  // namespace weightgauge
