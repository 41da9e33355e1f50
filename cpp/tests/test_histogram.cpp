#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "core/base/errors.hpp"
#include "core/histogram/histogram.hpp"
#include "core/histogram/squares.hpp"
#include "core/histogram/summary.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Makes the exact histogram of values in a wide format with a plain map.
template <class T>
Histogram exact_histogram(DType dtype, const std::vector<T>& values) {
  Histogram histogram(dtype);
  std::map<std::uint64_t, std::uint64_t> counts;
  for (const T value : values) {
    const T magnitude = std::fabs(value);
    std::uint64_t key = 0;
    std::memcpy(&key, &magnitude, sizeof magnitude);
    if (key == 0) {
      ++histogram.zeros;
    } else {
      ++counts[key];
    }
  }
  for (const auto& [key, count] : counts) {
    histogram.append(key, count, 0);
    histogram.max_key = key;
  }
  return histogram;
}

void check_equal(const Histogram& a, const Histogram& b) {
  CHECK(a.dtype == b.dtype);
  CHECK(a.dropped_bits == b.dropped_bits);
  CHECK(a.keys == b.keys);
  CHECK(a.counts == b.counts);
  CHECK(a.residuals == b.residuals);
  CHECK(a.zeros == b.zeros);
  CHECK(a.nans == b.nans);
  CHECK(a.infs == b.infs);
  CHECK(a.max_key == b.max_key);
}

template <class T>
void check_bins(DType dtype, const std::vector<T>& values, double mean_tolerance) {
  const Histogram bins = binned(exact_histogram(dtype, values));
  CHECK_FALSE(bins.exact());
  std::vector<double> magnitudes;
  for (const T value : values) {
    if (value != 0) {
      magnitudes.push_back(std::fabs(static_cast<double>(value)));
    }
  }
  std::sort(magnitudes.begin(), magnitudes.end());
  REQUIRE(bins.n() == magnitudes.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const Entry entry = entry_at(bins, i);
    long double sum = 0;
    for (std::uint64_t c = 0; c < bins.counts[i]; ++c, ++at) {
      REQUIRE(magnitudes[at] >= entry.low);
      REQUIRE(magnitudes[at] < entry.high);
      sum += static_cast<long double>(magnitudes[at]);
    }
    const auto mean = static_cast<double>(sum / static_cast<long double>(bins.counts[i]));
    REQUIRE(std::fabs(entry.mean - mean) <= mean_tolerance * mean);
    // A bin of normal magnitudes is as wide as 2^-13 of their power of two.
    REQUIRE((entry.high - entry.low) / entry.low <= std::ldexp(1.0, -binned_mantissa_bits));
  }
}

}  // namespace

TEST_SUITE("histogram") {
  TEST_CASE("counts of any size become the nearest double") {
    const std::uint64_t least[] = {0,
                                   1,
                                   0xFFFFFFFF,
                                   0x100000000,
                                   (1ULL << 52) - 1,
                                   1ULL << 53,
                                   0xFFFFFFFFFFFFFC00,
                                   0xFFFFFFFFFFFFFFFF - 3};
    for (const std::uint64_t first : least) {
      for (std::uint64_t count = first; count < first + 4 && count >= first; ++count) {
        CHECK(to_double(count) == static_cast<double>(count));
      }
    }
  }

  TEST_CASE("merging is counting both") {
    const std::vector<float> first = testing::normal_floats(3000, 1);
    std::vector<float> second = testing::normal_floats(5000, 2);
    second.insert(second.end(), first.begin(), first.begin() + 500);  // these are in both
    second.push_back(0.0F);
    std::vector<float> both = first;
    both.insert(both.end(), second.begin(), second.end());
    const Histogram a = exact_histogram(DType::f32, first);
    const Histogram b = exact_histogram(DType::f32, second);
    const Histogram whole = exact_histogram(DType::f32, both);
    check_equal(merged(a, b), whole);
    check_equal(merged(b, a), whole);
    check_equal(merged(a, Histogram(DType::f32)), a);
    // Binning and merging commute. If one of two histograms is binned, so is the result.
    check_equal(merged(binned(a), binned(b)), binned(whole));
    check_equal(merged(a, binned(b)), binned(whole));
  }

  TEST_CASE("wider bins are those that they cover, and mix with narrower ones") {
    std::vector<float> values = testing::normal_floats(20'000, 3);
    values.push_back(0.0F);
    const Histogram bins = binned(exact_histogram(DType::f32, values));
    for (const int more : {1, 3, 12}) {
      CAPTURE(more);
      const Histogram wider = coarsened(bins, bins.dropped_bits + more);
      Histogram expected(DType::f32);
      expected.zeros = 1;
      expected.max_key = bins.max_key;
      expected.dropped_bits = bins.dropped_bits + more;
      const std::uint64_t mask = (std::uint64_t{1} << expected.dropped_bits) - 1;
      const Histogram exact = exact_histogram(DType::f32, values);
      for (std::size_t i = 0; i < exact.size(); ++i) {
        expected.append(exact.keys[i] >> expected.dropped_bits, exact.counts[i],
                        (exact.keys[i] & mask) * exact.counts[i]);
      }
      check_equal(wider, expected);
      check_equal(merged(wider, bins), merged(wider, wider));
      check_equal(merged(exact, wider), merged(wider, wider));
      check_equal(coarsened(wider, bins.dropped_bits), wider);
      const std::vector<float> small = {1e-9F, 2e-9F};
      // What lies at the upper end is told from the usual bins all the same.
      const Histogram low = coarsened(exact_histogram(DType::f32, small), wider.dropped_bits);
      const EndLevels top = end_levels(bins);
      for (const Histogram& each : {wider, merged(wider, low), merged(exact, low)}) {
        CHECK(end_levels(each).at_max == top.at_max);
        CHECK(end_levels(each).second == top.second);
        CHECK(end_levels(each).levels == 0);
      }
    }
  }

  TEST_CASE("special values add up") {
    Histogram a(DType::bf16);
    a.zeros = 1;
    a.nans = 2;
    a.infs = 3;
    const Histogram sum = merged(a, a);
    CHECK(sum.zeros == 2);
    CHECK(sum.nans == 4);
    CHECK(sum.infs == 6);
    CHECK(sum.n() == 0);
  }

  TEST_CASE("histograms of different formats do not mix") {
    CHECK_THROWS_AS(merged(Histogram(DType::f32), Histogram(DType::bf16)), std::invalid_argument);
  }

  TEST_CASE("binning is a no-op for narrow and for binned histograms") {
    Histogram narrow(DType::bf16);
    narrow.append(7, 3, 0);
    check_equal(binned(narrow), narrow);
    const Histogram bins = binned(exact_histogram(DType::f32, testing::normal_floats(1000, 3)));
    check_equal(binned(bins), bins);
  }

  TEST_CASE("bins hold their magnitudes and know their mean") {
    // Residuals of F32 are complete, so that only rounding is left. Those of F64 leave out 22 of 52
    // bits, for which half of their range is added: an error of at most 2^-31 of a magnitude.
    check_bins(DType::f32, testing::normal_floats(20'000, 4), 1e-15);
    check_bins(DType::f64, testing::normal_doubles(20'000, 5), std::ldexp(1.0, -31) * 1.001);
  }

  TEST_CASE("the topmost bin ends at infinity's key without becoming infinite") {
    const Histogram bins =
        binned(exact_histogram(DType::f64, std::vector<double>{std::nextafter(INFINITY, 0), 1.0}));
    const Entry entry = entry_at(bins, 1);
    CHECK(std::isfinite(entry.low));
    CHECK(std::isfinite(entry.mean));
  }

  TEST_CASE("root mean square, zeros included, at both ends of the range") {
    const auto rms = [](const std::vector<double>& values) {
      const Histogram histogram = exact_histogram(DType::f64, values);
      return root_mean_square(histogram, histogram.n());
    };
    CHECK(rms({3, -4}) == doctest::Approx(std::sqrt(12.5)).epsilon(1e-15));
    CHECK(rms({3, -4, 0, 0}) == doctest::Approx(2.5).epsilon(1e-15));
    CHECK(rms({3e200, 4e200}) == doctest::Approx(std::sqrt(12.5) * 1e200).epsilon(1e-15));
    CHECK(rms({3e-200, 4e-200}) == doctest::Approx(std::sqrt(12.5) * 1e-200).epsilon(1e-15));
    CHECK(rms({0}) == 0);
    CHECK(std::isnan(rms({})));
  }

  TEST_CASE("bins of subnormal magnitudes tell no root mean square, unless they hardly matter") {
    const float least = std::numeric_limits<float>::denorm_min();
    const std::vector<float> tiny = {least, 3 * least, 3 * least, 900 * least, 0.0F};
    const Histogram exact = exact_histogram(DType::f32, tiny);
    const Histogram bins = binned(exact);
    CHECK(bins_tell_rms(exact));
    CHECK(!bins_tell_rms(bins));
    const double wanted = root_mean_square(exact, exact.n());
    CHECK(wanted == doctest::Approx(std::sqrt((1 + 9 + 9 + 810000) / 5.0) * least).epsilon(1e-14));
    CHECK(root_mean_square(bins, bins.n()) == wanted);  // kept when magnitudes were put into bins

    const Histogram normal = binned(exact_histogram(DType::f32, testing::normal_floats(1000, 8)));
    CHECK(bins_tell_rms(normal));
    CHECK(!normal.known_rms);
    CHECK(bins_tell_rms(merged(bins, normal)));
    const Histogram twice = merged(bins, bins);
    REQUIRE(twice.known_rms);
    CHECK(*twice.known_rms == doctest::Approx(wanted).epsilon(1e-14));
    Histogram untold = bins;
    untold.known_rms.reset();
    CHECK(!merged(untold, bins).known_rms);
    CHECK(!told_root_mean_square(untold));
  }

  TEST_CASE("the root mean square of one magnitude in a bin is that magnitude") {
    for (const float value : {0.1234567F, 1.0F, std::nextafter(2.0F, 0.0F)}) {
      const Histogram bins = binned(exact_histogram(DType::f32, std::vector<float>(1000, value)));
      const double found = root_mean_square(bins, bins.n());
      CHECK(found <= value);
      CHECK(found == doctest::Approx(value).epsilon(1e-13));
    }
  }

  TEST_CASE("magnitudes at ranks are those of the sorted values") {
    std::vector<float> values = testing::normal_floats(2000, 6);
    const Histogram histogram = exact_histogram(DType::f32, values);
    std::vector<double> sorted;
    for (const float value : values) {
      sorted.push_back(std::fabs(static_cast<double>(value)));
    }
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::uint64_t> ranks(sorted.size());
    std::iota(ranks.begin(), ranks.end(), std::uint64_t{0});
    CHECK(magnitudes_at(histogram, ranks) == sorted);
    CHECK(magnitudes_at(histogram, {0, 0, 1999, 1999}) ==
          std::vector<double>{sorted[0], sorted[0], sorted[1999], sorted[1999]});
    CHECK_THROWS_AS(magnitudes_at(histogram, {2000}), std::out_of_range);
  }

  TEST_CASE("the inverted distribution function takes the smallest rank that reaches q") {
    // With 16 values every q = j/32 and n q are exact. F at rank r, counted from 0, is (r + 1)/16.
    for (std::uint64_t j = 0; j <= 32; ++j) {
      std::uint64_t expected = 0;
      while (2 * (expected + 1) < j) {
        ++expected;
      }
      CAPTURE(j);
      CHECK(inverted_cdf_rank(static_cast<double>(j) / 32, 16) == expected);
    }
    CHECK(inverted_cdf_rank(0, 1) == 0);
    CHECK(inverted_cdf_rank(1, 1) == 0);
    CHECK(inverted_cdf_rank(1, 1'000'000'000) == 999'999'999);
    CHECK(inverted_cdf_rank(1e-300, 1'000'000'000) == 0);
    CHECK(inverted_cdf_rank(std::nextafter(1.0, 0.0), 1000) == 999);
  }

  TEST_CASE("what is taken away leaves the counts of the others") {
    std::vector<double> some, others, all;
    for (int i = 0; i < 3000; ++i) {
      (i % 3 == 0 ? some : others).push_back(std::sin(i) * std::exp(i % 17));
    }
    all = others;
    all.insert(all.end(), some.begin(), some.end());
    for (const bool in_bins : {false, true}) {
      Histogram left = exact_histogram(DType::f64, all);
      Histogram away = exact_histogram(DType::f64, some);
      Histogram expected = exact_histogram(DType::f64, others);
      if (in_bins) {
        left = binned(left);
        expected = binned(expected);  // `away` has other bins
      }
      take_away(left, away);
      expected.max_key = 0;
      check_equal(left, expected);
    }
  }

  TEST_CASE("more cannot be taken away than there is") {
    const std::vector<float> two = {1, 2};
    const std::vector<float> others[] = {{1, 1}, {3}, {0}, {1, 2, 4}};
    for (const std::vector<float>& each : others) {
      Histogram left = exact_histogram(DType::f32, two);
      CHECK_THROWS_AS(take_away(left, exact_histogram(DType::f32, each)), DataChanged);
    }
  }

  TEST_CASE("elements above a magnitude are counted from the upper end") {
    const Histogram histogram = exact_histogram<float>(DType::f32, {0, 1, 2, 2, 8, -16});
    CHECK(count_above(histogram, 16) == 0);
    CHECK(count_above(histogram, 2) == 2);
    CHECK(count_above(histogram, 0.5) == 5);
    CHECK(count_above(histogram, std::numeric_limits<double>::quiet_NaN()) == 0);
    CHECK(count_above(Histogram(DType::bf16), 0) == 0);
  }
}

}  // namespace weightgauge
