#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/fit/ks.hpp"
#include "core/fit/special.hpp"
#include "core/histogram/bin_shapes.hpp"
#include "core/histogram/log_magnitude.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Sizes below, at and above the number of lanes and the length of a block, and large ones.
constexpr std::size_t sizes[] = {1, 2, 7, 8, 9, 17, 255, 256, 257, 999, 4096};

// Calls check(level's loops) for each level.
template <class Check>
void for_each_level(Check&& check) {
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    check(level->bins);
  }
}

const BinKernels& plainest() { return available_kernels().front()->bins; }

std::vector<double> uniforms(std::size_t n, double low, double high, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<double> numbers(n);
  for (double& number : numbers) {
    number = low + (high - low) * random.uniform();
  }
  return numbers;
}

// Binned magnitudes; some bins hold one element and some many.
Histogram binned_normals(DType dtype, std::size_t n) {
  Histogram histogram(dtype);
  const std::vector<std::byte> bytes = dtype == DType::f64
                                           ? testing::bytes_of(testing::normal_doubles(n, 3))
                                           : testing::bytes_of(testing::normal_floats(n, 3));
  return binned(testing::scan_bytes(dtype, bytes, testing::keeping(1, 1 << 20)).histogram);
}

// Memory for the six arrays of BinUnknowns, for n bins.
struct Unknowns {
  explicit Unknowns(std::size_t n) : bins(n), numbers(6 * n) {}
  BinUnknowns at() {
    double* const from = numbers.data();
    return {from, from + bins, from + 2 * bins, from + 3 * bins, from + 4 * bins, from + 5 * bins};
  }
  std::size_t bins;
  std::vector<double> numbers;
};

// Places of the elements in a bin of width 1, in ascending order: all extreme ways to place them,
// and some that are not extreme.
std::vector<std::vector<double>> placements() {
  constexpr std::size_t n = 400;
  std::vector<std::vector<double>> all;
  for (const double at : {0.0, 0.3, 1.0}) {
    all.emplace_back(n, at);
  }
  for (const double share : {0.01, 0.1, 0.3, 0.5, 0.8, 0.99}) {  // all at the two ends
    all.emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) {
      all.back()[i] = static_cast<double>(i) < share * static_cast<double>(n) ? 0.0 : 1.0;
    }
  }
  for (const double power : {0.2, 0.5, 1.0, 2.0, 7.0}) {
    all.emplace_back(n);
    for (std::size_t i = 0; i < n; ++i) {
      all.back()[i] = std::pow((static_cast<double>(i) + 0.5) / static_cast<double>(n), power);
    }
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<double> steps = uniforms(1 + seed % 7, 0, 1, seed);
    all.emplace_back(n);
    testing::Random random(seed);
    for (double& place : all.back()) {
      place = steps[random.next() % steps.size()];
    }
    std::sort(all.back().begin(), all.back().end());
  }
  return all;
}

struct PlacedMoments {
  double mean;
  double variance;
  double covariance;  // of an element's place and the share of elements below it
};

PlacedMoments moments_of(const std::vector<double>& places) {
  const auto n = static_cast<double>(places.size());
  const double mean = std::accumulate(places.begin(), places.end(), 0.0) / n;
  PlacedMoments result{mean, 0, 0};
  for (std::size_t i = 0; i < places.size(); ++i) {
    const double off = places[i] - mean;
    result.variance += off * off / n;
    result.covariance += off * ((static_cast<double>(i) + 0.5) / n - 0.5) / n;
  }
  return result;
}

}  // namespace

TEST_SUITE("bin_kernels") {
  TEST_CASE("cells that hold something are found, in order, and emptied") {
    constexpr int sum_bits = 36;
    testing::Random random(1);
    for (const std::size_t size : {1U, 7U, 8U, 40U, 1024U}) {
      for (const std::uint64_t rarity : {1U, 2U, 50U, 100'000U}) {
        std::vector<std::uint64_t> cells(size);
        for (std::uint64_t& cell : cells) {
          cell = random.next() % rarity == 0 ? random.next() : 0;
        }
        std::vector<std::uint64_t> bins, counts, residuals;
        for (std::size_t i = 0; i < size; ++i) {
          if (cells[i] != 0) {
            bins.push_back(5000 + i);
            counts.push_back(cells[i] >> sum_bits);
            residuals.push_back(cells[i] % (std::uint64_t{1} << sum_bits));
          }
        }
        for_each_level([&](const BinKernels& loops) {
          std::vector<std::uint64_t> taken = cells;
          std::vector<std::uint64_t> found[3];
          for (std::vector<std::uint64_t>& numbers : found) {
            numbers.resize(size + gather_slack);
          }
          const std::size_t n = loops.take_cells(taken.data(), size, 5000, sum_bits,
                                                 found[0].data(), found[1].data(), found[2].data());
          for (std::vector<std::uint64_t>& numbers : found) {
            numbers.resize(n);
          }
          CHECK(found[0] == bins);
          CHECK(found[1] == counts);
          CHECK(found[2] == residuals);
          CHECK(std::count(taken.begin(), taken.end(), 0U) == static_cast<std::ptrdiff_t>(size));
        });
      }
    }
  }

  TEST_CASE("shapes of many bins are those of each") {
    for (const DType dtype : {DType::f32, DType::f64}) {
      Histogram histogram = binned_normals(dtype, 3000);
      // There are no subnormal numbers so far. They come first.
      const std::uint64_t low_bins[] = {0, 3, 8191, 8192};
      histogram.keys.insert(histogram.keys.begin(), std::begin(low_bins), std::end(low_bins));
      histogram.counts.insert(histogram.counts.begin(), {1, 2, 3, 40});
      histogram.residuals.insert(histogram.residuals.begin(), {5, 7, 1100, 9000});
      const std::size_t n = histogram.size();
      for (const std::size_t first : {std::size_t{0}, std::size_t{3}, n / 2}) {
        for (const Kernels* const level : available_kernels()) {
          use_kernels(level->level);
          std::vector<double> low(n - first), width(n - first), mean(n - first);
          shape_bins(histogram, first, n - first, low.data(), width.data(), mean.data());
          for (std::size_t i = 0; i < n - first; ++i) {
            const Entry entry = entry_at(histogram, first + i);
            CHECK(low[i] == entry.low);
            CHECK(low[i] + width[i] == entry.high);
            CHECK(mean[i] == entry.mean);
          }
        }
        use_kernels("auto");
      }
    }
  }

  TEST_CASE("squares are summed with the spread inside the bins, as far as the mean allows") {
    for (const std::size_t n : sizes) {
      const std::vector<double> low = uniforms(n, 1, 2, 4);
      const std::vector<double> width = uniforms(n, 0, 0.1, 5);
      const std::vector<double> share = uniforms(n, 0, 1, 6);
      std::vector<double> mean(n);
      std::vector<std::uint64_t> counts(n);
      std::iota(counts.begin(), counts.end(), 1U);
      long double expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        mean[i] = low[i] + share[i] * width[i];
        const long double m = 3.0L * mean[i];
        const long double w = 3.0L * width[i];
        const long double below = m - 3.0L * low[i];
        const auto count = static_cast<long double>(counts[i]);
        expected += count * m * m + (count - 1) * std::min(w * w / 12, below * (w - below));
      }
      for_each_level([&](const BinKernels& loops) {
        const auto sum = [&](const BinKernels& from) {
          return from.sum_bin_squares(low.data(), width.data(), mean.data(), counts.data(), n, 1.5,
                                      2);
        };
        CHECK(std::fabs(sum(loops) - expected) <= 1e-14L * expected);
        CHECK(sum(loops) == sum(plainest()));
      });
    }
  }

  TEST_CASE("ordinates of many positions are those of each") {
    for (const std::size_t n : sizes) {
      std::vector<double> p = uniforms(n, 0.03, 0.97, 6);
      p.front() = 0.03;
      for_each_level([&](const BinKernels& loops) {
        std::vector<double> integral(n), y(n), slope(n);
        loops.y_points(weibull_y_table(), p.data(), n, integral.data(), y.data(), slope.data());
        for (std::size_t i = 0; i < n; ++i) {
          const YPoint point = weibull_y_point(p[i]);
          CHECK(integral[i] == point.integral);
          CHECK(y[i] == point.y);
          CHECK(slope[i] == point.slope);
        }
      });
    }
  }

  TEST_CASE("what is unknown of bins, and what that is worth, has the same bits at all levels") {
    for (const std::size_t n : sizes) {
      const std::vector<double> low = uniforms(n, 1, 2, 7);
      const std::vector<double> width = uniforms(n, 1e-4, 2e-4, 8);
      const std::vector<double> share = uniforms(n, 0, 1, 9);
      const std::vector<double> slope = uniforms(n + 1, 1, 3, 10);
      const std::vector<double> x = uniforms(n, -2, 0.5, 11);
      std::vector<double> y = uniforms(n + 1, -2, 0.8, 12);
      std::sort(y.begin(), y.end());
      std::vector<double> count(n), mean(n);
      for (std::size_t i = 0; i < n; ++i) {
        count[i] = static_cast<double>(1 + i % 5);
        mean[i] = low[i] + share[i] * width[i];
      }
      const auto computed = [&](const BinKernels& loops, Unknowns& unknowns) {
        loops.bin_unknowns(low.data(), width.data(), mean.data(), count.data(), y.data(),
                           slope.data(), n, 3.0 * static_cast<double>(n), unknowns.at());
        return loops.sum_slacks(unknowns.at(), count.data(), x.data(), y.data(), n, -0.6, -0.5, 1.2,
                                1e-10);
      };
      Unknowns expected(n);
      const BinSlacks slacks = computed(plainest(), expected);
      const BinUnknowns in = expected.at();
      for (std::size_t i = 0; i < n; ++i) {
        const bool single = count[i] == 1;
        const double w = single ? 0 : width[i] / mean[i];
        CHECK(in.width[i] == doctest::Approx(w));
        CHECK(in.most[i] == doctest::Approx(w * w * share[i] * (1 - share[i])).epsilon(1e-3));
        CHECK(in.variance[i] <= in.most[i]);
        CHECK(in.variance[i] <= doctest::Approx(w * w / 12 * (1 - 1 / count[i])));
        CHECK(in.covariance[i] == doctest::Approx(w * (y[i + 1] - y[i]) / 12));
      }
      CHECK(slacks.k > 0);
      CHECK(slacks.r2 > 0);
      for_each_level([&](const BinKernels& loops) {
        Unknowns unknowns(n);
        const BinSlacks here = computed(loops, unknowns);
        CHECK(unknowns.numbers == expected.numbers);
        CHECK(here.k == slacks.k);
        CHECK(here.r2 == slacks.r2);
        CHECK(here.x == slacks.x);
      });
    }
  }

  TEST_CASE("no placement inside a bin changes the sums by more than the slack") {
    constexpr double width = 1e-3;
    double nearest = 0;  // the largest error found, as a share of its bound
    for (const double rise : {1e-5, 1e-4, 1e-3, 1e-2}) {
      for (const double x : {-3.0, -0.2, 0.9, 1.1, 4.0}) {
        for (const double y : {-1.5, 0.0, 0.7}) {
          constexpr double k = 1.2;
          for (const std::vector<double>& places : placements()) {
            const PlacedMoments found = moments_of(places);
            double most = found.mean * (1 - found.mean) * width * width;
            double variance = std::min(width * width / 12, most);
            double covariance = width * rise / 12;
            double relative_width = width;
            double slope_rise = rise;
            double bend = 0;
            const BinUnknowns bin = {&relative_width, &variance,   &most,
                                     &covariance,     &slope_rise, &bend};
            const double weight = 1;
            const double at_x = x;
            const double at_y = y;
            const BinSlacks slacks =
                plainest().sum_slacks(bin, &weight, &at_x, &at_y, 1, 0, 0, k, 0);
            const double more_xy = width * rise * found.covariance - covariance;
            const double more_xx = width * width * found.variance - variance;
            const double off_k = std::fabs(more_xy - (k * (1 - x) + y / 2) * more_xx);
            const double off_r2 = std::fabs(2 * more_xy - (k * (1 - x) + y) * more_xx);
            const double rounding = 1e-14 * width * (rise + width);
            CHECK(off_k <= slacks.k + rounding);
            CHECK(off_r2 <= slacks.r2 + rounding);
            CHECK(std::fabs(more_xx) / 2 <= slacks.x + rounding);
            if (slacks.k > 0) {
              nearest = std::max(nearest, off_k / slacks.k);
            }
          }
        }
      }
    }
    CHECK(nearest > 0.9);  // the bound is nearly reached, so it is not larger than it has to be
  }

  TEST_CASE("bins of the smallest magnitudes are as finite as others") {
    // The bins hold subnormal doubles. The inverse of the first bin's mean is not finite.
    const double low[] = {4e-320, 1e-310, 3e-308};
    const double width[] = {5e-324, 1e-314, 4e-312};
    const double mean[] = {4e-320, 1.00005e-310, 3.0002e-308};
    const double count[] = {1, 5, 9};
    const double y[] = {-2, -1, 0, 0.3};
    const double slope[] = {3, 2, 1.5, 1};
    for_each_level([&](const BinKernels& loops) {
      Unknowns unknowns(3);
      loops.bin_unknowns(low, width, mean, count, y, slope, 3, 15, unknowns.at());
      for (const double number : unknowns.numbers) {
        CHECK(std::isfinite(number));
      }
      CHECK(unknowns.at().width[0] == 0);
      CHECK(unknowns.at().width[1] == doctest::Approx(1e-4));
    });
  }

  TEST_CASE("the largest distance at the edges of bins is found, wherever it is") {
    const Histogram histogram = binned_normals(DType::f32, 20'000);
    std::vector<std::uint64_t> ranks;
    note_ranks(histogram, ranks);
    const auto n = static_cast<double>(ranks.back());
    for (const double k : {0.3, 1.2, 4.0}) {
      for (const double lambda : {1e-3, 0.88, 30.0}) {
        const LogScale scale{scaled(lambda), 0};
        double expected = 0;
        for (std::size_t i = 0; i < histogram.size(); ++i) {
          const Entry entry = entry_at(histogram, i);
          const double before = i == 0 ? 0 : static_cast<double>(ranks[i - 1]) / n;
          const double after = static_cast<double>(ranks[i]) / n;
          const double f_low = weibull_cdf(scaled(entry.low), k, scale);
          const double f_high = weibull_cdf(scaled(entry.high), k, scale);
          expected = std::max({expected, std::fabs(before - f_low), std::fabs(after - f_high)});
        }
        const KsDistance found = ks_distance(histogram, k, scale);
        CHECK(found.distance == expected);
        CHECK(found.shortfall >= 0);
        CHECK(found.shortfall <= k * 0x1p-13 / 2.718281828);  // the slope of F is k/e at most
      }
    }
  }
}

}  // namespace weightgauge
