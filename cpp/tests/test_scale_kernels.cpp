#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr double clip = 3.7;
constexpr double inf = std::numeric_limits<double>::infinity();
// Sizes below, at and above the number of lanes.
constexpr std::size_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 17, 64, 999};

// Normal numbers with some zeros, outliers, and numbers that are not finite.
std::vector<double> odd_values(std::size_t n) {
  std::vector<double> values = testing::normal_doubles(n, 21);
  const double odd[] = {0.0, 60.0, -1e300, inf, -inf, std::nan(""), -0.0, 1e-310};
  for (std::size_t i = 0; i < n; i += 3) {
    values[i] = odd[i / 3 % 8];
  }
  return values;
}

std::vector<double> factors_of(std::size_t n) {
  std::vector<double> factors(n);
  for (std::size_t i = 0; i < n; ++i) {
    factors[i] = i % 11 == 5 ? 0.0 : 0.5 + static_cast<double>(i % 7);
  }
  return factors;
}

double square_of(double magnitude, double by) {
  const double z = std::fmin(magnitude * by, clip);
  return z * z;
}

}  // namespace

TEST_SUITE("scale_kernels") {
  TEST_CASE("rows are clipped, and every level sums to the same bits") {
    for (const std::size_t n : sizes) {
      CAPTURE(n);
      const std::vector<double> values = odd_values(n);
      const std::vector<double> factors = factors_of(n);
      double sum = 0;
      std::uint64_t nonzero = 0;
      std::vector<double> magnitudes(n);
      for (std::size_t i = 0; i < n; ++i) {
        magnitudes[i] = std::isfinite(values[i]) ? std::abs(values[i]) * factors[i] : 0.0;
        sum += square_of(magnitudes[i], 0.4);
        nonzero += magnitudes[i] > 0 ? 1 : 0;
      }
      const auto of_level = [&](const Kernels& level) {
        std::vector<double> changed = values;
        const RowSquares found =
            level.scales.clip_row(changed.data(), n, factors.data(), 0.4, clip);
        CHECK(changed == magnitudes);
        CHECK(found.nonzero == nonzero);
        return found.sum;
      };
      const double plain = of_level(*available_kernels().front());
      CHECK(plain == doctest::Approx(sum).epsilon(1e-14));
      for (const Kernels* const level : available_kernels()) {
        CAPTURE(level->level);
        CHECK(of_level(*level) == plain);
      }
    }
  }

  TEST_CASE("clipped squares and counts are added to their columns") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      for (const std::size_t n : sizes) {
        std::vector<double> magnitudes = testing::normal_doubles(n, 22);
        std::vector<double> sums(n, 2.0);
        std::vector<double> wanted(n);
        for (std::size_t i = 0; i < n; ++i) {
          magnitudes[i] = std::abs(magnitudes[i]) * (i % 5 == 1 ? 100 : 1);
          wanted[i] = 2.0 + square_of(magnitudes[i], 1.3);
        }
        level->scales.add_clipped(magnitudes.data(), n, 1.3, clip, sums.data());
        CHECK(sums == wanted);
        std::vector<double> counts(n, 5.0);
        magnitudes[n / 2] = 0;
        level->scales.count_nonzero(magnitudes.data(), n, counts.data());
        std::vector<double> counted(n, 6.0);
        counted[n / 2] = 5.0;
        CHECK(counts == counted);
      }
    }
  }

  TEST_CASE("finite products stay finite as float32, others do not become so") {
    constexpr double most = std::numeric_limits<float>::max();
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      for (const std::size_t n : sizes) {
        const std::vector<double> values = odd_values(n);
        const std::vector<double> factors = factors_of(n);
        std::vector<float> made(n);
        level->scales.scale_row(values.data(), n, 0.7, factors.data(), made.data());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < n; ++i) {
          const double product = values[i] * 0.7 * factors[i];
          const double kept =
              std::isfinite(product) ? std::fmax(std::fmin(product, most), -most) : product;
          const auto wanted = static_cast<float>(kept);
          wrong += made[i] == wanted || (std::isnan(made[i]) && std::isnan(wanted)) ? 0 : 1;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

}  // namespace weightgauge
