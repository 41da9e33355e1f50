#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/bin_shapes.hpp"
#include "core/kernels/kernels.hpp"
#include "core/ks.hpp"
#include "core/log_magnitude.hpp"
#include "core/special.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Below, at and above the number of lanes and the length of a block, and many.
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

// Magnitudes in bins, of which some hold one element and some many.
Histogram binned_normals(DType dtype, std::size_t n) {
  Histogram histogram(dtype);
  const std::vector<std::byte> bytes = dtype == DType::f64
                                           ? testing::bytes_of(testing::normal_doubles(n, 3))
                                           : testing::bytes_of(testing::normal_floats(n, 3));
  return binned(testing::scan_bytes(dtype, bytes, testing::keeping(1, 1 << 20)).histogram);
}

// Six numbers for each of n bins.
struct Unknowns {
  explicit Unknowns(std::size_t n) : bins(n), numbers(6 * n) {}
  BinUnknowns at() {
    double* const from = numbers.data();
    return {from, from + bins, from + 2 * bins, from + 3 * bins, from + 4 * bins, from + 5 * bins};
  }
  std::size_t bins;
  std::vector<double> numbers;
};

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
      // Subnormal numbers, of which there are none so far, come first.
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

  TEST_CASE("squares are summed with the spread inside the bins") {
    for (const std::size_t n : sizes) {
      const std::vector<double> mean = uniforms(n, 1, 2, 4);
      const std::vector<double> width = uniforms(n, 0, 0.1, 5);
      std::vector<std::uint64_t> counts(n);
      std::iota(counts.begin(), counts.end(), 1U);
      long double expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const long double m = 3.0L * mean[i];
        const long double w = 3.0L * width[i];
        const auto count = static_cast<long double>(counts[i]);
        expected += count * m * m + (count - 1) * w * w / 12;
      }
      for_each_level([&](const BinKernels& loops) {
        const double sum =
            loops.sum_bin_squares(mean.data(), width.data(), counts.data(), n, 1.5, 2);
        CHECK(std::fabs(sum - expected) <= 1e-14L * expected);
        CHECK(sum ==
              plainest().sum_bin_squares(mean.data(), width.data(), counts.data(), n, 1.5, 2));
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
        CHECK(ks_distance(histogram, k, scale) == expected);
      }
    }
  }
}

}  // namespace weightgauge
