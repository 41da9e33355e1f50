#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "core/fit/influence.hpp"
#include "core/fit/weibull.hpp"
#include "core/two_way/empty_lines.hpp"
#include "core/two_way/large_lines.hpp"
#include "core/two_way/row_sizes.hpp"
#include "core/two_way/sample.hpp"
#include "core/two_way/sums.hpp"
#include "core/two_way/unused_rows.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

void check_sample(const Sample& sample) {
  const MatrixLayout& layout = sample.layout;
  REQUIRE(std::is_sorted(sample.rows.begin(), sample.rows.end()));
  CHECK(std::set<std::uint64_t>(sample.rows.begin(), sample.rows.end()).size() ==
        sample.rows.size());
  CHECK(sample.rows.back() < layout.rows);
  CHECK(sample.rows.size() % sample.row_clusters == 0);
  CHECK(sample.blocks.size() % sample.column_clusters == 0);
  std::uint64_t end = 0;
  std::uint64_t columns = 0;
  for (const Block& block : sample.blocks) {
    CHECK(block.first >= end);
    CHECK(block.width > 0);
    end = block.first + block.width;
    columns += block.width;
  }
  CHECK(end <= layout.columns);
  CHECK(columns == sample.columns);
}

}  // namespace

TEST_SUITE("two_way") {
  TEST_CASE("a sample has rows and blocks of its matrix, each once") {
    const std::uint64_t sizes[] = {2, 7, 60, 64, 65, 384, 1000, 4096, 14336};
    for (const std::uint64_t rows : sizes) {
      for (const std::uint64_t columns : sizes) {
        for (const std::uint64_t cluster : {1, 2, 32, 128}) {
          for (const bool everything : {false, true}) {
            if (everything && rows * columns > 1'000'000) {
              continue;
            }
            CAPTURE(rows);
            CAPTURE(columns);
            CAPTURE(cluster);
            check_sample(sample_of({rows, columns, cluster, 1}, 1, everything));
            check_sample(sample_of({rows, columns, 1, cluster}, 1, everything));
          }
        }
      }
    }
  }

  TEST_CASE("all of a small matrix is looked at, and little of a large one") {
    const Sample small = sample_of({64, 384}, 1, false);
    CHECK(small.rows.size() == 64);
    CHECK(small.columns == 384);
    const Sample large = sample_of({100'000, 4096}, 1, false);
    CHECK(large.rows.size() * large.columns <= 1 << 18);
    CHECK(large.rows.size() >= 64);
    CHECK(large.columns >= 384);
  }

  TEST_CASE("each cluster has as many rows, or columns, as every other") {
    const Sample rows = sample_of({768, 768, 64, 1}, 1, false);
    CHECK(rows.row_clusters == 12);
    for (std::size_t i = 0; i < rows.rows.size(); ++i) {
      CHECK(rows.rows[i] / 64 == i / rows.rows_in_cluster());
    }
    const Sample columns = sample_of({768, 768, 1, 64}, 1, false);
    CHECK(columns.column_clusters == 12);
    for (std::size_t i = 0; i < columns.blocks.size(); ++i) {
      CHECK(columns.blocks[i].first / 64 == i / columns.blocks_in_cluster());
      CHECK(columns.blocks[i].width == columns.blocks.front().width);
    }
  }

  TEST_CASE("channels of small kernels are taken as wholes") {
    for (const std::uint64_t places : {2, 3, 9, 15}) {
      const Sample sample = sample_of({256, 256 * places, 1, places}, 1, false);
      check_sample(sample);
      CHECK(sample.column_clusters == 384 / places);
      for (const Block& block : sample.blocks) {
        CHECK(block.first % places == 0);
        CHECK(block.width == places);
      }
    }
  }

  TEST_CASE("blocks begin and end between items that hold several values") {
    for (const std::uint64_t unit : {2, 8, 32}) {
      const Sample sample = sample_of({500, 4096}, unit, false);
      check_sample(sample);
      for (const Block& block : sample.blocks) {
        CHECK(block.first % unit == 0);
        CHECK(block.width % unit == 0);
      }
    }
  }

  TEST_CASE("rows that lie side by side are taken together") {
    constexpr std::uint64_t together = 8;
    for (const std::uint64_t rows : {64, 65, 100, 344, 4096}) {
      for (const std::uint64_t cluster : {1, 2, 32, 128}) {
        CAPTURE(rows);
        CAPTURE(cluster);
        const Sample apart = sample_of({rows, 4096, cluster, 1}, 1, false);
        const Sample sample = sample_of({rows, 4096, cluster, 1}, 1, false, together);
        check_sample(sample);
        CHECK(sample.row_clusters == apart.row_clusters);
        CHECK(sample.columns == apart.columns);
        CHECK(sample.rows.size() <= apart.rows.size());
        CHECK(sample.rows.size() + sample.row_clusters * together > apart.rows.size());
        if (sample.rows_in_cluster() < together || sample.rows.size() == rows) {
          continue;
        }
        for (std::size_t i = 0; i < sample.rows.size(); ++i) {
          CHECK(sample.rows[i] % together == i % together);
        }
      }
    }
  }

  TEST_CASE("nobody looks at what a table's memory held before") {
    constexpr std::size_t rows = 66;
    constexpr std::size_t columns = 70;
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32, DType::f64, DType::f8_e4m3}) {
      CAPTURE(static_cast<int>(dtype));
      std::vector<std::byte> bytes =
          dtype == DType::f64   ? testing::bytes_of(testing::normal_doubles(rows * columns, 3))
          : dtype == DType::f32 ? testing::bytes_of(testing::normal_floats(rows * columns, 3))
                                : testing::random_bytes(rows * columns * item_bytes(dtype), 3);
      std::fill_n(bytes.begin() + 256, 512, std::byte{0});
      const SliceResult found = testing::scan_bytes(dtype, bytes, testing::keeping(1, 1 << 20));
      FitSpace space;
      fit_histogram(found.histogram, found.n, Trim::mid_80, Zeros::exclude, space);
      const MemorySource source(bytes.data(), bytes.size());
      const View view = contiguous_view(dtype, 0, rows * columns);
      const Sample sample = sample_of({rows, columns}, 1, true);
      const auto sums_with = [&](std::vector<Terms> memory) {
        const MagnitudeTable table(found.histogram, space.plot, space.influences, false,
                                   std::move(memory));
        ReadBuffer buffer;
        return two_way_sums(source, view, sample, 0, rows, table, buffer);
      };
      constexpr float nan = std::numeric_limits<float>::quiet_NaN();
      const TwoWaySums fresh = sums_with({});
      const TwoWaySums used = sums_with(std::vector<Terms>(70'000, Terms{nan, nan, nan, nan}));
      const auto alike = [](const std::vector<Terms>& a, const std::vector<Terms>& b) {
        return a.size() == b.size() &&
               std::memcmp(a.data(), b.data(), a.size() * sizeof(Terms)) == 0;
      };
      CHECK(alike(used.rows, fresh.rows));
      CHECK(alike(used.columns, fresh.columns));
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(std::isfinite(fresh.squares[i]));
        CHECK(used.squares[i] == fresh.squares[i]);
      }
    }
  }

  TEST_CASE("influences between magnitudes lie on straight lines") {
    const std::vector<float> values = testing::normal_floats(3000, 1);
    const SliceResult found =
        testing::scan_bytes(DType::f32, testing::bytes_of(values), testing::keeping(1, 1 << 20));
    FitSpace space;
    const Fit fit = fit_histogram(found.histogram, found.n, Trim::mid_80, Zeros::exclude, space);
    REQUIRE(fit.status == FitStatus::ok);
    const InfluenceCurve curve(space.plot, space.influences, 2.0);
    const std::size_t points = space.influences.points();
    double sum = 0;
    for (const float value : values) {
      sum += curve.at(2 * std::fabs(static_cast<double>(value))).k;
    }
    CHECK(std::fabs(sum) < 1e-6);  // influences are centred over all elements
    const double unit = 2 * std::ldexp(space.plot.unit.mantissa, space.plot.unit.exponent);
    for (std::size_t i = 0; i < points; ++i) {
      const double magnitude = unit * std::exp(space.plot.x[i]);
      CHECK(curve.at(magnitude).k == doctest::Approx(space.influences.of_point(i).k).epsilon(1e-6));
    }
    const double highest = unit * std::exp(space.plot.x.back());
    for (const double factor : {1 - 1e-15, 1 - 1e-16, 1.0, 1 + 1e-15, 2.0}) {
      CHECK(curve.at(highest * factor).k ==
            doctest::Approx(space.influences.of_point(points - 1).k).epsilon(1e-6));
    }
    CHECK(curve.at(0).k == 0);
    CHECK(curve.at(std::nan("")).k == 0);
    CHECK(curve.at(HUGE_VAL).ln_lambda == 0);
  }

  TEST_CASE("rows and columns of zeros are counted") {
    constexpr std::uint64_t rows = 70;
    constexpr std::uint64_t columns = 130;
    const std::set<std::uint64_t> empty_rows = {0, 13, 69};
    for (const std::set<std::uint64_t>& empty_columns :
         {std::set<std::uint64_t>{1, 64, 65, 129}, std::set<std::uint64_t>{}}) {
      std::vector<float> values = testing::normal_floats(rows * columns, 2);
      for (std::uint64_t i = 0; i < values.size(); ++i) {
        const std::uint64_t row = i / columns;
        // The rows from 20 on have one weight each, and row 20 has it in the first column that may.
        const bool other = row >= 20 && i % columns != (row - 20) * 2 + 2;
        if (other || empty_rows.count(row) + empty_columns.count(i % columns) > 0) {
          values[i] = 0;
        }
      }
      std::uint64_t without = 0;
      for (std::uint64_t row = 0; row < rows; ++row) {
        const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * columns);
        without += std::all_of(begin, begin + columns, [](float v) { return v == 0; }) ? 1 : 0;
      }
      const std::vector<std::byte> bytes = testing::bytes_of(values);
      const MemorySource source(bytes.data(), bytes.size());
      ReadBuffer buffer;
      const EmptyLines found = empty_lines(source, contiguous_view(DType::f32, 0, values.size()),
                                           {rows, columns}, buffer, Control());
      CHECK(found.rows == without);
      CHECK(found.columns == empty_columns.size());
    }
  }

  TEST_CASE("rows and columns of zeros are counted in every format, in memory and read") {
    constexpr std::uint64_t rows = 37;
    constexpr std::uint64_t columns = 82;
    const auto is_empty = [](std::uint64_t line) { return line % 9 == 5 || line == 0; };
    for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::f8_e4m3,
                              DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f4, DType::f4_unpacked}) {
      CAPTURE(dtype_name(dtype));
      const std::uint64_t per_item = elements_per_item(dtype);
      const std::size_t item = item_bytes(dtype);
      std::vector<std::byte> bytes = testing::random_bytes(rows * columns / per_item * item, 5);
      const std::uint64_t items = columns / per_item;
      for (std::uint64_t i = 0; i < rows * items; ++i) {
        // Most other elements are zeros too, so that rows and columns have few weights.
        const bool empty = is_empty(i / items) || is_empty(i % items) || i * 7 % 11 > 1;
        if (empty) {
          std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * item), item, std::byte{0});
        }
      }
      std::vector<bool> row_has(rows), column_has(columns);
      for (std::uint64_t i = 0; i < rows * columns; ++i) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, bytes.data() + i / per_item * item, item);
        bits = dtype == DType::f4 && i % 2 == 1 ? bits >> 4 : bits;
        if (testing::reference_value(dtype, bits) != 0) {  // true for NaN
          row_has[i / columns] = true;
          column_has[i % columns] = true;
        }
      }
      const testing::TemporaryFile file(bytes);
      const FileSource read(file.path(), file.identity());
      const MemorySource memory(bytes.data(), bytes.size());
      const View view = contiguous_view(dtype, 0, bytes.size() / item);
      for (const ByteSource* const source :
           {static_cast<const ByteSource*>(&memory), static_cast<const ByteSource*>(&read)}) {
        ReadBuffer buffer;
        const EmptyLines found = empty_lines(*source, view, {rows, columns}, buffer, Control());
        CHECK(found.rows ==
              static_cast<std::uint64_t>(std::count(row_has.begin(), row_has.end(), false)));
        CHECK(found.columns ==
              static_cast<std::uint64_t>(std::count(column_has.begin(), column_has.end(), false)));
      }
    }
  }

  TEST_CASE("sizes of rows are root mean squares of finite values, of any magnitude") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<double> values = {3,      4,      0,   0,   //
                                        0,      0,      0,   9,   //
                                        3e300,  4e300,  0,   0,   //
                                        3e-310, 4e-310, 0,   0,   //
                                        nan,    2,      inf, -2,  //
                                        nan,    nan,    inf, nan};
    const auto* const bytes = reinterpret_cast<const std::byte*>(values.data());
    const MemorySource source(bytes, values.size() * sizeof(double));
    const View view = contiguous_view(DType::f64, 0, values.size());
    ReadBuffer buffer;
    std::vector<double> sizes(6);
    row_sizes(source, view, {6, 4}, root_mean_square, 4, 0, 6, buffer, sizes.data());
    CHECK(sizes[0] == doctest::Approx(2.5));
    CHECK(sizes[1] == doctest::Approx(4.5));
    CHECK(sizes[2] == doctest::Approx(2.5e300));
    CHECK(sizes[3] / 2.5e-310 == doctest::Approx(1));
    CHECK(sizes[4] == doctest::Approx(2));
    CHECK(std::isnan(sizes[5]));
    row_sizes(source, view, {6, 4}, root_mean_square, 3, 1, 2, buffer, sizes.data());
    CHECK(sizes[0] == 0);
  }

  TEST_CASE("sizes of BF16 and F32 rows are those of their values, to the precision of float32") {
    constexpr std::uint64_t rows = 5;
    constexpr std::uint64_t width = 37;
    // The last rows leave the range of squares of float32.
    const float scales[rows] = {1.0F, 1e-8F, 1e8F, 1e-30F, 1e30F};
    std::vector<float> values;
    std::vector<std::uint16_t> codes;
    std::vector<double> squares(rows, 0.0);
    for (std::uint64_t i = 0; i < rows * width; ++i) {
      const double x = std::sin(1.0 + static_cast<double>(i)) * scales[i / width];
      std::uint32_t bits;
      auto value = static_cast<float>(x);
      std::memcpy(&bits, &value, sizeof bits);
      codes.push_back(static_cast<std::uint16_t>(bits >> 16));
      bits &= 0xFFFF0000U;
      std::memcpy(&value, &bits, sizeof bits);
      values.push_back(value);
      squares[i / width] += static_cast<double>(value) * value / width;
    }
    ReadBuffer buffer;
    std::vector<double> sizes(rows);
    const auto check = [&](DType dtype, const void* data, std::size_t bytes) {
      const MemorySource source(static_cast<const std::byte*>(data), bytes);
      const View view = contiguous_view(dtype, 0, rows * width);
      row_sizes(source, view, {rows, width}, root_mean_square, width, 0, rows, buffer,
                sizes.data());
      for (std::uint64_t row = 0; row < rows; ++row) {
        CHECK(sizes[row] / std::sqrt(squares[row]) == doctest::Approx(1).epsilon(1e-6));
      }
    };
    check(DType::f32, values.data(), values.size() * sizeof(float));
    check(DType::bf16, codes.data(), codes.size() * sizeof(std::uint16_t));
  }

  TEST_CASE("a geometric mean follows most weights and not the largest") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(geometric_mean({1, -1, 1, 1e300}) == doctest::Approx(1e75).epsilon(0.07));
    CHECK(geometric_mean({2, 0, -8, nan}) == 4);
    CHECK(geometric_mean({0x1p-1074, std::numeric_limits<double>::infinity()}) == 0);
    CHECK(std::isnan(geometric_mean({0, nan})));
    // One or two weights of many are no size.
    std::vector<double> pruned(64, 0.0);
    std::fill_n(pruned.begin(), 15, 2.0);
    CHECK(std::isnan(geometric_mean(pruned)));
    pruned[15] = 2;
    CHECK(geometric_mean(pruned) == 2);
    CHECK(weights_of_line(1) == 64);
    CHECK(weights_of_line(0.1) == 640);
    CHECK(weights_of_line(0) == 4096);
  }

  TEST_CASE("a rough geometric mean is off by no more than its logarithms are") {
    testing::Random random(60);
    for (const std::size_t n : {1U, 2U, 3U, 7U, 100U, 5000U}) {
      std::vector<double> weights;
      double logs = 0;
      while (weights.size() < n) {
        const std::uint64_t bits = random.next();
        double weight = 0;
        std::memcpy(&weight, &bits, sizeof weight);
        if (std::isnormal(weight)) {
          weights.push_back(weight);
          logs += std::log2(std::fabs(weight));
        }
      }
      const double off = std::log2(geometric_mean(weights)) - logs / static_cast<double>(n);
      CHECK(std::fabs(off) < 0.0861);
    }
  }

  TEST_CASE("rows and columns are large beside the median of all") {
    std::vector<double> sizes(100, 1.0);
    sizes[7] = 15.9;
    sizes[30] = 16.1;
    sizes[40] = std::numeric_limits<double>::quiet_NaN();
    CHECK(large_lines(sizes) == std::vector<std::uint64_t>{30});
    CHECK(large_lines({}).empty());
    CHECK(large_lines({std::numeric_limits<double>::quiet_NaN()}).empty());

    constexpr std::uint64_t rows = 600;
    std::vector<double> values(rows * 3, 1.0);
    for (std::uint64_t row = 0; row < rows; ++row) {
      values[row * 3 + 1] = row == 5 ? 1e9 : -20.0;  // one weight more or less is nothing
      values[row * 3 + 2] = 0.0;
    }
    const auto* const bytes = reinterpret_cast<const std::byte*>(values.data());
    const MemorySource source(bytes, values.size() * sizeof(double));
    const View view = contiguous_view(DType::f64, 0, values.size());
    ReadBuffer buffer;
    const std::vector<double> columns = column_sizes(source, view, {rows, 3}, {0, 2}, 64, buffer);
    CHECK(columns[0] == doctest::Approx(1));
    CHECK(columns[1] == doctest::Approx(20));
    CHECK(std::isnan(columns[2]));
  }

  TEST_CASE("sizes of BF16 lines are those of the same values in F64, subnormal ones among them") {
    constexpr std::uint64_t rows = 33;
    constexpr std::uint64_t columns = 20;
    testing::Random random(8);
    std::vector<std::uint16_t> codes;
    std::vector<double> values;
    for (std::uint64_t i = 0; i < rows * columns; ++i) {
      auto code = static_cast<std::uint16_t>(random.next());
      if (i % columns < 6 && (code & 0x7FFF) < 0x80) {  // there are some of all in other columns
        code = 0;
      }
      if (i / columns % 2 == 0) {
        code = static_cast<std::uint16_t>((code & 0x80FF) | 0x3F00);
      } else if (i % 5 == 0) {
        code &= 0x807F;
      }
      codes.push_back(code);
      const std::uint32_t bits = std::uint32_t{code} << 16;
      float value = 0;
      std::memcpy(&value, &bits, sizeof value);
      values.push_back(static_cast<double>(value));
    }
    const std::vector<std::byte> narrow = testing::bytes_of(codes);
    const std::vector<std::byte> wide = testing::bytes_of(values);
    const MemorySource narrow_source(narrow.data(), narrow.size());
    const MemorySource wide_source(wide.data(), wide.size());
    const View narrow_view = contiguous_view(DType::bf16, 0, codes.size());
    const View wide_view = contiguous_view(DType::f64, 0, values.size());
    ReadBuffer buffer;
    std::vector<double> found(rows), expected(rows);
    row_sizes(narrow_source, narrow_view, {rows, columns}, geometric_mean, 17, 0, rows, buffer,
              found.data());
    row_sizes(wide_source, wide_view, {rows, columns}, geometric_mean, 17, 0, rows, buffer,
              expected.data());
    const std::vector<double> of_columns =
        column_sizes(narrow_source, narrow_view, {rows, columns}, {3}, rows, buffer);
    const std::vector<double> expected_of_columns =
        column_sizes(wide_source, wide_view, {rows, columns}, {3}, rows, buffer);
    for (std::uint64_t row = 0; row < rows; ++row) {
      CHECK(found[row] == expected[row]);
    }
    for (std::uint64_t column = 0; column < columns; ++column) {
      CHECK(of_columns[column] == expected_of_columns[column]);
    }
  }

  TEST_CASE("lines that may be large are looked at again, and those without a size") {
    std::vector<double> sizes(1000, 1.0);
    CHECK(lines_to_look_at_again(sizes).empty());
    sizes[0] = 3.9;
    sizes[7] = 4.1;
    sizes[40] = std::numeric_limits<double>::quiet_NaN();
    sizes[999] = 1e9;
    CHECK(lines_to_look_at_again(sizes) == std::vector<std::uint64_t>{7, 40, 999});
    CHECK(lines_to_look_at_again({}).empty());
  }

  TEST_CASE("rows that are far smaller, or alike and small, are unused") {
    std::vector<double> sizes;
    for (int i = 0; i < 1000; ++i) {
      sizes.push_back(std::exp(0.3 * std::sin(1.7 * i)));
    }
    CHECK(unused_rows(sizes, row_size_width).empty());
    sizes[17] = 0;
    sizes[400] = 0.01;
    sizes[999] = std::numeric_limits<double>::quiet_NaN();
    CHECK(unused_rows(sizes, row_size_width) == std::vector<std::uint64_t>{17, 400});
    for (std::uint64_t row = 100; row < 150; ++row) {
      sizes[row] = 0.5 + 0.001 * static_cast<double>(row % 7);
    }
    CHECK(unused_rows(sizes, row_size_width).size() == 52);
    // What most rows are is not the exception.
    CHECK(unused_rows(std::vector<double>(500, 1.0), row_size_width).empty());
    CHECK(unused_rows({}, row_size_width).empty());
    // With few rows nothing is known but zeros.
    CHECK(unused_rows({0, 1, 1, 1e-9}, row_size_width) == std::vector<std::uint64_t>{0});
  }
}

}  // namespace weightgauge
