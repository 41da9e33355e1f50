#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <stdexcept>
#include <vector>

#include "core/histogram/check.hpp"
#include "core/histogram/summary.hpp"

namespace weightgauge {

namespace {

// The magnitudes 1, 2 and 4 occur 3, 2 and 1 times.
Histogram counted() {
  Histogram histogram(DType::bf16);
  histogram.keys = {0x3F80, 0x4000, 0x4080};
  histogram.counts = {3, 2, 1};
  histogram.max_key = 0x4080;
  return histogram;
}

}  // namespace

TEST_SUITE("histogram_summary") {
  TEST_CASE("magnitudes, the largest of them and quantiles") {
    const Histogram histogram = counted();
    CHECK(mean_magnitudes(histogram) == std::vector<double>{1, 2, 4});
    CHECK(max_magnitude(histogram) == 4);
    // A quantile is the smallest magnitude that at least q n = 6 q magnitudes do not exceed. The q
    // may be in any order.
    CHECK(histogram_quantiles(histogram, {1, 0, 0.5, 0.51, 5.0 / 6}) ==
          std::vector<double>{4, 1, 1, 2, 2});
  }

  TEST_CASE("without magnitudes") {
    Histogram histogram(DType::f32);
    CHECK(mean_magnitudes(histogram).empty());
    CHECK(std::isnan(max_magnitude(histogram)));
    CHECK(std::isnan(histogram_quantiles(histogram, {0.5}).at(0)));
    histogram.zeros = 1;
    CHECK(max_magnitude(histogram) == 0);
  }

  TEST_CASE("numbers that are no histogram are refused") {
    CHECK_NOTHROW(check_histogram(counted()));
    CHECK_NOTHROW(check_histogram(Histogram(DType::f64)));
    const std::vector<std::function<void(Histogram&)>> damages = {
        [](Histogram& h) { h.keys[1] = h.keys[0]; },
        [](Histogram& h) { h.keys[0] = 0; },
        [](Histogram& h) { h.keys[2] = h.max_key = 0x7F80; },
        [](Histogram& h) { h.counts[1] = 0; },
        [](Histogram& h) { h.counts[1] = (1ULL << 52) + 1; },
        [](Histogram& h) { h.counts = {1ULL << 52, 1, 1}; },
        [](Histogram& h) { h.counts.pop_back(); },
        [](Histogram& h) { h.residuals = {0, 0, 0}; },
        [](Histogram& h) { h.dropped_bits = 1; },
        [](Histogram& h) { h.max_key = 0x4000; },
        [](Histogram& h) { h.zeros = (1ULL << 52) + 1; },
    };
    for (std::size_t i = 0; i < damages.size(); ++i) {
      CAPTURE(i);
      Histogram damaged = counted();
      damages[i](damaged);
      CHECK_THROWS_AS(check_histogram(damaged), std::invalid_argument);
    }
  }

  TEST_CASE("counts that are too many to be added") {
    Histogram many = counted();
    many.counts[0] = 1ULL << 51;
    CHECK(checked_merge(many, counted()).counts ==
          std::vector<std::uint64_t>{(1ULL << 51) + 3, 4, 2});
    CHECK_THROWS_AS(checked_merge(many, many), std::overflow_error);
  }

  TEST_CASE("the sum of a bin's low bits does not wrap around") {
    Histogram many(DType::f64);
    many.append(0x3FE0'0000'0000'0000 - 1, 1ULL << 47, 0);  // all low bits are set
    many.max_key = many.keys[0];
    CHECK_NOTHROW(check_histogram(many));
    const Histogram bins = binned(many);
    CHECK_NOTHROW(check_histogram(bins));
    CHECK(entry_at(bins, 0).mean == doctest::Approx(0.5).epsilon(1e-9));
    CHECK_THROWS_AS(checked_merge(many, many), std::overflow_error);
    many.counts[0] += 1;
    CHECK_THROWS_AS(check_histogram(many), std::invalid_argument);
  }
}

}  // namespace weightgauge
