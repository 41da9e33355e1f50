#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "core/scan/scan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t items = sorted_limit + 20'001;

// Weights on so many levels of either sign, whose bits go beyond those of bins.
template <class Number>
std::vector<Number> on_levels(std::size_t levels) {
  testing::Random random(70);
  std::vector<Number> values(items);
  for (Number& value : values) {
    const auto level = static_cast<Number>(1 + random.next() % levels);
    value = level * static_cast<Number>(0.012345678901234567) *
            static_cast<Number>(random.next() % 2 == 0 ? 1 : -1);
  }
  values[5] = 0;
  values[6] = -values[5];
  values[7] = std::numeric_limits<Number>::quiet_NaN();
  values[8] = -std::numeric_limits<Number>::infinity();
  return values;
}

// Weights that had the bits of BF16 before all of them were scaled.
template <class Number>
std::vector<Number> scaled_short_ones() {
  std::vector<Number> values;
  for (const float value : testing::normal_floats(items, 72)) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    bits &= 0xFFFF0000U;
    float shortened = 0;
    std::memcpy(&shortened, &bits, sizeof bits);
    values.push_back(static_cast<Number>(shortened) * static_cast<Number>(0.012345678901234567));
  }
  values[5] = 0;
  values[7] = std::numeric_limits<Number>::quiet_NaN();
  values[8] = -std::numeric_limits<Number>::infinity();
  return values;
}

template <class Number>
SliceResult scanned(DType dtype, const std::vector<Number>& values, int threads,
                    std::size_t chunk_bytes, bool exact = false) {
  ScanOptions options = testing::keeping(threads, chunk_bytes);
  options.exact = exact;
  return testing::scan_bytes(dtype, testing::bytes_of(values), options);
}

template <class Number>
void check_levels(DType dtype, const std::vector<Number>& values) {
  const SliceResult found = scanned(dtype, values, 1, std::size_t{1} << 20);
  const testing::Tally expected = testing::tally(dtype, testing::bytes_of(values));
  CHECK(found.exact);
  CHECK(found.histogram.exact());
  std::map<double, std::uint64_t> counts;
  for (std::size_t i = 0; i < found.histogram.size(); ++i) {
    counts[magnitude_value(dtype, found.histogram.keys[i])] = found.histogram.counts[i];
  }
  CHECK(counts == expected.magnitudes);
  CHECK(found.histogram.zeros == expected.zeros);
  CHECK(found.histogram.nans == 1);
  CHECK(found.histogram.infs == 1);
  for (const int threads : testing::thread_counts({2, 5})) {
    const SliceResult other = scanned(dtype, values, threads, 3001);
    CHECK(testing::hash_of({other}) == testing::hash_of({found}));
  }
}

template <class Number>
void check_levels(DType dtype) {
  for (const std::size_t levels : {3U, 15U, 1000U}) {
    CAPTURE(levels);
    check_levels(dtype, on_levels<Number>(levels));
  }
  check_levels(dtype, scaled_short_ones<Number>());
}

template <class Number>
void check_that_neighbours_are_told_apart(DType dtype, std::size_t count) {
  std::vector<Number> values = on_levels<Number>(count);
  values.back() = std::nextafter(values.back(), Number{1});
  check_levels(dtype, values);
}

// Two elements leave their level in opposite directions: the sum of their bin does not tell.
template <class Number>
void check_that_sums_are_not_enough(DType dtype, std::size_t count) {
  std::vector<Number> values = on_levels<Number>(count);
  const Number level = std::fabs(values.back());
  const auto end = values.end() - 1;
  const auto same = std::find_if(values.begin(), end,
                                 [level](Number value) { return std::fabs(value) == level; });
  REQUIRE(same != end);
  *same = std::nextafter(level, Number{1});
  *end = std::nextafter(level, Number{0});
  check_levels(dtype, values);
}

// Weights on 15 levels, in lines that each have a scale of their own.
template <class Number>
std::vector<Number> on_levels_of_lines(std::size_t line) {
  testing::Random random(73);
  std::vector<Number> values = on_levels<Number>(15);
  Number scale = 1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    scale = i % line == 0 ? static_cast<Number>(1 + random.uniform()) : scale;
    values[i] *= scale;
  }
  return values;
}

// Normal weights, of which the given share has one value, in the bin of others.
template <class Number>
std::vector<Number> padded(double share) {
  testing::Random random(74);
  std::vector<Number> values;
  for (std::size_t i = 0; i < items; ++i) {
    const bool pad = random.uniform() < share;
    values.push_back(static_cast<Number>(pad ? 0.6180339887498949 : random.normal()));
  }
  values[5] = 0;
  values[7] = std::numeric_limits<Number>::quiet_NaN();
  return values;
}

// Lines of one value each, in turn one of these, between lines of weights so far apart that no bin
// has many of them.
template <class Number>
std::vector<Number> padded_lines(const std::vector<Number>& padding) {
  testing::Random random(76);
  std::vector<Number> values;
  for (std::size_t i = 0; i < items; ++i) {
    const std::size_t line = i / 700;
    const double far = std::exp2(40 * random.uniform() - 20);
    values.push_back(line % 3 == 0 ? padding[line / 3 % padding.size()] : static_cast<Number>(far));
  }
  values[5] = 0;
  values[7] = std::numeric_limits<Number>::quiet_NaN();
  return values;
}

template <class Number>
void check_padding(DType dtype, const std::vector<Number>& values) {
  const SliceResult found = scanned(dtype, values, 1, std::size_t{1} << 20);
  const Fit exact = scanned(dtype, values, 1, std::size_t{1} << 20, true).fit;
  CHECK_FALSE(found.exact);
  CHECK_FALSE(found.histogram.exact());
  CHECK(found.histogram.single.empty());
  CHECK(found.fit.error_bound < 1e-8);
  CHECK(std::fabs(found.fit.k / exact.k - 1) < found.fit.error_bound);
  CHECK(std::fabs(found.fit.lambda / exact.lambda - 1) < found.fit.error_bound);
  CHECK(found.fit.ks == doctest::Approx(exact.ks).epsilon(1e-5));
  CHECK(found.fit.k_se == doctest::Approx(exact.k_se).epsilon(1e-2));
  for (const int threads : testing::thread_counts({2, 5})) {
    CHECK(testing::hash_of({scanned(dtype, values, threads, 3001)}) == testing::hash_of({found}));
  }
}

template <class Number>
void check_padded_lines(DType dtype) {
  constexpr auto one = static_cast<Number>(0.6180339887498949);
  const Number same_bin = std::nextafter(one, Number{1});
  const Number next_bin = one * static_cast<Number>(1.0001);
  for (const std::vector<Number>& padding :
       {std::vector<Number>{one, same_bin}, {one, next_bin, 3}, {1, 2, 3, 4, 5, 6}}) {
    CAPTURE(padding.size());
    check_padding(dtype, padded_lines(padding));
  }
}

template <class Number>
void check_mostly_padding(DType dtype) {
  const std::vector<Number> values = padded<Number>(0.9);
  const SliceResult found = scanned(dtype, values, 2, std::size_t{1} << 20);
  CHECK(found.fit.status == FitStatus::flat_window);
  CHECK_FALSE(found.exact);
  CHECK(scanned(dtype, values, 1, 3001, true).fit.status == FitStatus::flat_window);
}

}  // namespace

TEST_SUITE("finding_levels") {
  TEST_CASE("magnitudes that have a bin each are counted one by one") {
    check_levels<float>(DType::f32);
    check_levels<double>(DType::f64);
  }

  TEST_CASE("one item off a few levels is seen wherever it is, at every level of instructions") {
    for (const std::size_t size : {1U, 3U, 4U, 5U, 15U, 16U}) {
      CAPTURE(size);
      std::uint32_t levels[most_levels] = {};
      for (std::size_t l = 0; l < size; ++l) {
        levels[l] = 0x3C23D70AU + static_cast<std::uint32_t>(0x345678U * l);
      }
      testing::Random random(77);
      std::vector<std::uint32_t> keys(333);
      for (std::uint32_t& key : keys) {
        const std::uint64_t drawn = random.next() % (size + 1);
        key = (drawn == size ? 0 : levels[drawn]) | static_cast<std::uint32_t>(drawn % 2 << 31);
      }
      for (const Kernels* const level : available_kernels()) {
        CAPTURE(level->level);
        const auto off_levels = [&](const std::vector<std::uint32_t>& items_of_levels) {
          const std::vector<std::byte> bytes = testing::bytes_of(items_of_levels);
          return level->off_levels_f32(bytes.data(), items_of_levels.size(), levels, size);
        };
        // Loops may leave many levels to others, and say so.
        CHECK((!off_levels(keys) || (size > 4 && std::string(level->level) == "portable")));
        for (std::size_t i = 0; i < keys.size(); ++i) {
          std::vector<std::uint32_t> other = keys;
          other[i] ^= 1U << i % 31;
          const std::uint32_t key = other[i] & 0x7FFFFFFFU;
          const bool off = key != 0 && std::find(levels, levels + size, key) == levels + size;
          REQUIRE(off);  // keys differ in more than one bit
          REQUIRE(off_levels(other));
        }
      }
    }
  }

  TEST_CASE("two magnitudes in a bin are counted one by one") {
    for (const std::size_t count : {3U, 15U}) {
      CAPTURE(count);
      check_that_neighbours_are_told_apart<float>(DType::f32, count);
      check_that_neighbours_are_told_apart<double>(DType::f64, count);
      check_that_sums_are_not_enough<float>(DType::f32, count);
      check_that_sums_are_not_enough<double>(DType::f64, count);
    }
  }

  TEST_CASE("levels of lines with scales of their own are counted one by one") {
    for (const std::size_t line : {512U, 4096U}) {
      CAPTURE(line);
      check_levels(DType::f32, on_levels_of_lines<float>(line));
      check_levels(DType::f64, on_levels_of_lines<double>(line));
    }
  }

  TEST_CASE("more magnitudes than tables hold are sorted") {
    // A thousand bins, of which each has a hundred: fewer bins than would rule tables out.
    testing::Random random(75);
    std::vector<float> values;
    for (std::size_t i = 0; i < items; ++i) {
      values.push_back(static_cast<float>(1 + random.uniform() / 8));
    }
    for (const int threads : testing::thread_counts({1, 3})) {
      const SliceResult found = scanned(DType::f32, values, threads, 3001);
      CHECK(found.exact);
      CHECK_FALSE(found.histogram.exact());
    }
  }

  TEST_CASE("one value among many weights is parted from its bin") {
    check_padding(DType::f32, padded<float>(0.4));
    check_padding(DType::f64, padded<double>(0.4));
  }

  TEST_CASE("lines of one value, or of several, are parted from their bins") {
    check_padded_lines<float>(DType::f32);
    check_padded_lines<double>(DType::f64);
  }

  TEST_CASE("a window within one value is flat") {
    check_mostly_padding<float>(DType::f32);
    check_mostly_padding<double>(DType::f64);
  }

  TEST_CASE("where bins are enough nothing is read again") {
    const std::vector<float> many = testing::normal_floats(items, 71);
    const SliceResult found = scanned(DType::f32, many, 1, std::size_t{1} << 20);
    CHECK_FALSE(found.exact);
    CHECK_FALSE(found.histogram.exact());
    CHECK(scanned(DType::f32, many, 1, std::size_t{1} << 20, true).exact);
  }
}

}  // namespace weightgauge
