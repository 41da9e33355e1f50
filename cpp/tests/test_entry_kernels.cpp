#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Sizes below, at and above the number of lanes, and large ones.
constexpr std::size_t sizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 999, 4096};

std::vector<double> normals(std::size_t n, std::uint64_t seed) {
  return testing::normal_doubles(n, seed);
}

std::vector<std::uint64_t> counts_of(std::size_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<std::uint64_t> counts(n);
  for (std::uint64_t& count : counts) {
    count = 1 + random.next() % 100'000;
  }
  return counts;
}

std::vector<double> as_doubles(const std::vector<std::uint64_t>& counts) {
  return std::vector<double>(counts.begin(), counts.end());
}

// Calls check(level's loops, whether these are the plainest ones).
template <class Check>
void for_each_level(Check&& check) {
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    check(level->entries);
  }
}

const EntryKernels& plainest() { return available_kernels().front()->entries; }

bool same(double a, double b) { return a == b; }
bool close(double a, long double b, long double scale) {
  return std::fabs(static_cast<long double>(a) - b) <= 1e-14L * scale;
}

}  // namespace

TEST_SUITE("entry_kernels") {
  TEST_CASE("codes that occurred are found, in order") {
    testing::Random random(1);
    for (const std::size_t size : {1U, 5U, 8U, 40U, 1000U, 32768U}) {
      for (const std::uint64_t rarity : {1U, 2U, 50U, 100'000U}) {
        std::vector<std::uint32_t> counts(size);
        for (std::uint32_t& count : counts) {
          count = random.next() % rarity == 0 ? static_cast<std::uint32_t>(random.next()) : 0;
        }
        const std::size_t first = size / 3;
        std::vector<std::uint32_t> expected_codes, expected_counts;
        for (std::size_t code = first; code < size; ++code) {
          if (counts[code] != 0) {
            expected_codes.push_back(static_cast<std::uint32_t>(code));
            expected_counts.push_back(counts[code]);
          }
        }
        for_each_level([&](const EntryKernels& loops) {
          std::vector<std::uint32_t> codes(size - first + gather_slack);
          std::vector<std::uint32_t> found(codes.size());
          const std::size_t n =
              loops.take_counts(counts.data(), first, size, codes.data(), found.data());
          codes.resize(n);
          found.resize(n);
          CHECK(codes == expected_codes);
          CHECK(found == expected_counts);
        });
      }
    }
  }

  TEST_CASE("squares add up") {
    for (const std::size_t n : sizes) {
      const std::vector<double> values = normals(n, 2);
      const std::vector<std::uint64_t> counts = counts_of(n, 3);
      long double expected = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const long double value = static_cast<long double>(values[i]) * 0.25L * 8;
        expected += static_cast<long double>(counts[i]) * value * value;
      }
      for_each_level([&](const EntryKernels& loops) {
        const double sum = loops.sum_squares(values.data(), counts.data(), n, 0.25, 8);
        CHECK(close(sum, expected, expected));
        CHECK(same(sum, plainest().sum_squares(values.data(), counts.data(), n, 0.25, 8)));
      });
    }
  }

  TEST_CASE("the line's sums are those of the definition") {
    for (const std::size_t n : sizes) {
      const std::vector<double> weight = as_doubles(counts_of(n, 4));
      const std::vector<double> x = normals(n, 5);
      const std::vector<double> y = normals(n, 6);
      long double total = 0, mean_x = 0, xx = 0, xy = 0, scale = 0;
      for (std::size_t i = 0; i < n; ++i) {
        total += weight[i];
        mean_x += static_cast<long double>(weight[i]) * x[i];
      }
      mean_x /= total;
      for (std::size_t i = 0; i < n; ++i) {
        const long double off = x[i] - mean_x;
        xx += weight[i] * off * off;
        xy += weight[i] * off * (y[i] - 0.5L);
        scale += weight[i] * std::fabs(off * (y[i] - 0.5L));
      }
      const LineSums plain = plainest().sum_line(weight.data(), x.data(), y.data(), n, 0.5);
      for_each_level([&](const EntryKernels& loops) {
        const LineSums sums = loops.sum_line(weight.data(), x.data(), y.data(), n, 0.5);
        CHECK(close(sums.weight, total, total));
        CHECK(close(sums.mean_x, mean_x, 10));
        CHECK(close(sums.xx, xx, total));
        CHECK(close(sums.xy, xy, total + scale));
        CHECK(same(sums.weight, plain.weight));
        CHECK(same(sums.mean_x, plain.mean_x));
        CHECK(same(sums.xx, plain.xx));
        CHECK(same(sums.xy, plain.xy));
      });
    }
  }

  TEST_CASE("influences add up from the top of the window down") {
    for (const std::size_t n : sizes) {
      std::vector<double> x = normals(n, 7);
      std::vector<double> y = normals(n, 8);
      std::sort(x.begin(), x.end());
      std::sort(y.begin(), y.end());
      const std::vector<double> count = as_doubles(counts_of(n, 9));
      const InfluenceInput input = {x.data(), y.data(), count.data(), n,   1.2,
                                    0.1,      -0.5,     1.25,         1.5, -0.3};
      // G_j = sum over i >= j of J_i (x_{i+1} - x_i), nothing above the last point
      long double g_k = 0, g_lambda = 0, sum_k = 0, sum_lambda = 0, square_k = 0, square_lambda = 0;
      long double size_k = 0, size_lambda = 0;
      for (std::size_t j = n; j-- > 0;) {
        const long double next = j + 1 < n ? x[j + 1] : x[j];
        const long double step = next - x[j];
        const long double middle = (next + x[j]) / 2;
        const long double slope =
            ((y[j] + 0.5L) - 2 * static_cast<long double>(input.k) *
                                 (middle - static_cast<long double>(input.mean_x))) *
            1.25L;
        g_k += slope * step;
        g_lambda += (1.5L + static_cast<long double>(input.per_slope) * slope) * step;
        sum_k += count[j] * g_k;
        sum_lambda += count[j] * g_lambda;
        square_k += count[j] * g_k * g_k;
        square_lambda += count[j] * g_lambda * g_lambda;
        size_k += count[j] * std::fabs(g_k);
        size_lambda += count[j] * std::fabs(g_lambda);
      }
      std::vector<double> memory(2 * n);
      const InfluenceSums plain = plainest().sum_influences(input, memory.data());
      for_each_level([&](const EntryKernels& loops) {
        const InfluenceSums sums = loops.sum_influences(input, memory.data());
        // Sums of n numbers of size 10 are summed again, which makes n roundings.
        const long double slack = 10 * static_cast<long double>(n);
        CHECK(close(sums.g_k, g_k, slack));
        CHECK(close(sums.g_lambda, g_lambda, slack));
        CHECK(close(sums.sum_k, sum_k, slack * size_k));
        CHECK(close(sums.sum_lambda, sum_lambda, slack * size_lambda));
        CHECK(close(sums.square_k, square_k, slack * square_k));
        CHECK(close(sums.square_lambda, square_lambda, slack * square_lambda));
        CHECK(same(sums.g_k, plain.g_k));
        CHECK(same(sums.g_lambda, plain.g_lambda));
        CHECK(same(sums.sum_k, plain.sum_k));
        CHECK(same(sums.sum_lambda, plain.sum_lambda));
        CHECK(same(sums.square_k, plain.square_k));
        CHECK(same(sums.square_lambda, plain.square_lambda));
      });
    }
    for_each_level([](const EntryKernels& loops) {
      CHECK(loops.sum_influences(InfluenceInput(), nullptr).sum_k == 0);
    });
  }

  TEST_CASE("logarithms are those of the values") {
    std::vector<double> table(1024);
    for (std::size_t i = 0; i < table.size(); ++i) {
      table[i] = std::log(1 + static_cast<double>(i) / 1024);
    }
    std::vector<std::uint64_t> keys;  // of BF16, normal
    for (std::uint64_t key = 0x0080; key < 0x7F80; key += 7) {
      keys.push_back(key);
    }
    const std::size_t n = keys.size();
    for_each_level([&](const EntryKernels& loops) {
      std::vector<double> values(n), x(n);
      loops.widen_keys(keys.data(), n, 45, std::uint64_t{1023 - 127} << 52, values.data());
      loops.short_logs(values.data(), n, table.data(), 10, 1023, std::log(1.5), x.data());
      for (std::size_t i = 0; i < n; ++i) {
        REQUIRE(values[i] == testing::reference_value(DType::bf16, keys[i]));
        REQUIRE(std::fabs(x[i] - std::log(values[i] / 1.5)) < 1e-13);
      }
    });
  }

  TEST_CASE("logarithms of long mantissas are those of the short ones and of their rests") {
    std::vector<double> logs(1024), inverse(1024);
    for (std::size_t i = 0; i < logs.size(); ++i) {
      logs[i] = std::log(1 + static_cast<double>(i) / 1024);
      inverse[i] = 1 / (1 + static_cast<double>(i) / 1024);
    }
    for (const std::size_t n : sizes) {
      std::vector<double> values = normals(n, 31);
      std::transform(values.begin(), values.end(), values.begin(),
                     [](double v) { return std::fabs(v) + 0x1p-40; });
      std::vector<double> first;
      for_each_level([&](const EntryKernels& loops) {
        std::vector<double> x(n);
        loops.short_logs(values.data(), n, logs.data(), 10, 1023, 0, x.data());
        loops.add_log_rests(values.data(), n, inverse.data(), x.data());
        for (std::size_t i = 0; i < n; ++i) {
          const double expected = std::log(values[i]);
          REQUIRE(std::fabs(x[i] - expected) <= 4e-16 * std::max(1.0, std::fabs(expected)));
        }
        first = first.empty() ? x : first;
        REQUIRE(x == first);
      });
    }
  }

  TEST_CASE("no distance is larger than its bound, and the largest is found") {
    CdfTable table{};
    for (std::size_t i = 0; i < CdfTable::values; ++i) {
      const double z = CdfTable::lowest + static_cast<double>(i) / CdfTable::steps_per_unit;
      const double next = z + 1.0 / CdfTable::steps_per_unit;
      const double value = -std::expm1(-std::exp(z));
      table.at[i] = {value, -std::expm1(-std::exp(next)) - value};
    }
    for (const std::size_t n : sizes) {
      std::vector<double> x = normals(n, 12);
      std::sort(x.begin(), x.end());
      const std::uint64_t below_all = n % 2 == 0 ? 0 : 5 * n;  // censored
      std::vector<std::uint64_t> ranks = counts_of(n, 13);
      ranks[0] += below_all;
      std::partial_sum(ranks.begin(), ranks.end(), ranks.begin());
      const CdfInput input = {x.data(), ranks.data(), n, below_all, 1.2, 0.3, &table};
      const auto total = static_cast<double>(ranks.back());
      std::vector<double> expected(n);
      for (std::size_t i = 0; i < n; ++i) {
        const double f = -std::expm1(-std::exp(1.2 * (x[i] - 0.3)));
        const double below = static_cast<double>(i == 0 ? below_all : ranks[i - 1]) / total;
        expected[i] = std::max(static_cast<double>(ranks[i]) / total - f, f - below);
      }
      const double largest = *std::max_element(expected.begin(), expected.end());
      for_each_level([&](const EntryKernels& loops) {
        std::vector<double> most(n), found(n);
        const double at_ends = loops.bound_distances(input, most.data());
        CHECK(at_ends <= largest + 2e-5);
        for (std::size_t i = 0; i < n; ++i) {
          REQUIRE(expected[i] <= most[i / cdf_group] + 2e-5);
        }
        const double best = loops.distances(input, most.data(), at_ends, 4e-5, found.data());
        CHECK(std::fabs(best - largest) < 2e-5);
      });
    }
  }

  TEST_CASE("counts are added up, lengthened and made doubles") {
    for (const std::size_t n : sizes) {
      const std::vector<std::uint64_t> counts = counts_of(n, 14);
      std::vector<std::uint64_t> expected(n);
      std::partial_sum(counts.begin(), counts.end(), expected.begin());
      const std::vector<std::uint32_t> narrow(counts.begin(), counts.end());
      for_each_level([&](const EntryKernels& loops) {
        std::vector<std::uint64_t> sums(n), longer(n);
        std::vector<double> numbers(n);
        loops.running_sums(counts.data(), n, sums.data());
        loops.lengthen(narrow.data(), n, longer.data());
        loops.to_doubles(counts.data(), n, numbers.data());
        CHECK(sums == expected);
        CHECK(longer == counts);
        CHECK(numbers == as_doubles(counts));
        CHECK(loops.sum_counts(counts.data(), n) == expected.back());
        const auto sum = std::accumulate(narrow.begin(), narrow.end(), 0U);
        CHECK(loops.sum_short_counts(narrow.data(), n) == sum);
      });
    }
  }

  TEST_CASE("differences are divided") {
    const std::vector<double> sums = normals(1000, 10);
    const std::vector<double> weight = as_doubles(counts_of(999, 11));
    for_each_level([&](const EntryKernels& loops) {
      std::vector<double> y(999);
      loops.divide_differences(sums.data(), weight.data(), y.size(), y.data());
      for (std::size_t i = 0; i < y.size(); ++i) {
        REQUIRE(y[i] == (sums[i + 1] - sums[i]) / weight[i]);
      }
    });
  }
}

}  // namespace weightgauge
