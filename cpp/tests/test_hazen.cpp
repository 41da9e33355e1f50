#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <vector>

#include "core/fit/hazen.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// y of every rank, and the sums of y over ranks 1..i, in extended precision.
struct Ordinates {
  explicit Ordinates(std::uint64_t n) : y(n + 1, 0), cumulative(n + 1, 0) {
    for (std::uint64_t i = 1; i <= n; ++i) {
      const long double p = (static_cast<long double>(i) - 0.5L) / static_cast<long double>(n);
      y[i] = std::log(-std::log1p(-p));
      cumulative[i] = cumulative[i - 1] + y[i];
    }
  }
  std::uint64_t n() const { return y.size() - 1; }

  std::vector<long double> y;
  std::vector<long double> cumulative;
};

// Sums y over the ranks of a window one by one.
struct DirectSums {
  DirectSums(const Ordinates& all, const Window& window) {
    const auto size = static_cast<long double>(window.size());
    mean = (all.cumulative[window.end] - all.cumulative[window.begin]) / size;
    for (std::uint64_t i = window.begin + 1; i <= window.end; ++i) {
      centred_squares += (all.y[i] - mean) * (all.y[i] - mean);
    }
  }

  long double mean = 0;
  long double centred_squares = 0;
};

void check_against_direct(const Ordinates& all, Trim trim, std::uint64_t censored = 0) {
  const std::uint64_t n = all.n();
  CAPTURE(n);
  CAPTURE(censored);
  CAPTURE(static_cast<int>(trim));
  const HazenSums sums(n, trim, censored);
  const Window window = {std::max(window_of(n, trim).begin, censored), window_of(n, trim).end};
  CHECK(sums.window().begin == window.begin);
  CHECK(sums.window().end == window.end);
  CHECK(sums.cut_by_zeros() == (censored > window_of(n, trim).begin));
  const DirectSums direct(all, window);
  // Ties make long and short groups of ranks. The table of the integral is good to 2e-14 at either
  // end of a group, and the error is multiplied by n. Single roundings are smaller.
  const auto tolerance = 5e-14 * static_cast<double>(n);
  testing::Random random(n);
  std::uint64_t rank = window.begin;
  double worst = 0;
  while (rank < window.end) {
    const std::uint64_t longest = random.next() % 2 == 0 ? 3 : window.size();
    const std::uint64_t left = window.end - rank;
    const std::uint64_t to = rank + std::min(left, 1 + random.next() % longest);
    const double sum = sums.cumulative(to) - sums.cumulative(rank);
    const long double expected = all.cumulative[to] - all.cumulative[rank];
    worst = std::fmax(worst, std::fabs(static_cast<double>(sum - expected)));
    rank = to;
  }
  CHECK(worst < tolerance);
  // The same error is divided by the size of the window, which is a share of n.
  const double share = static_cast<double>(window.size()) / static_cast<double>(n);
  CHECK(std::fabs(static_cast<double>(sums.mean() - direct.mean)) < 7e-14 / std::min(1.0, share));
  // Of ordinates that lie close together, each is known to its own rounding and its position's.
  const auto y_squares = static_cast<double>(direct.centred_squares);
  const double spread = std::sqrt(y_squares / static_cast<double>(window.size()));
  const double last = (static_cast<double>(window.end) - 0.5) / static_cast<double>(n);
  const double rounding =
      2.2e-16 * (1 + std::fabs(static_cast<double>(direct.mean)) + weibull_y_slope(last));
  CHECK(std::fabs(sums.centred_squares() / y_squares - 1) < std::max(1e-12, rounding / spread));
}

}  // namespace

TEST_SUITE("hazen") {
  TEST_CASE("sums of the ordinate over groups of ranks agree with direct summation") {
    for (const std::uint64_t n : {10ULL, 11ULL, 1000ULL, 1024ULL, 1025ULL, 1100ULL, 8191ULL,
                                  8200ULL, 20'000ULL, 131'073ULL, 1'000'003ULL}) {
      const Ordinates all(n);
      for (const Trim trim : {Trim::mid_80, Trim::mid_90, Trim::full}) {
        check_against_direct(all, trim);
      }
    }
  }

  TEST_CASE("where the lowest ranks are censored, sums are over the others") {
    for (const std::uint64_t n : {60ULL, 1000ULL, 1025ULL, 2000ULL, 20'000ULL, 1'000'003ULL}) {
      const Ordinates all(n);
      for (const Trim trim : {Trim::mid_80, Trim::mid_90, Trim::full}) {
        const Window window = window_of(n, trim);
        for (const std::uint64_t censored :
             {std::uint64_t{1}, window.begin, window.begin + 1, n / 4, n / 2,
              window.end - std::max<std::uint64_t>(n / 20, 10), window.end - 10}) {
          check_against_direct(all, trim, censored);
        }
      }
    }
  }

  TEST_CASE("censored up to the window's end, no rank is left") {
    for (const std::uint64_t n : {20ULL, 5000ULL, 100'000ULL}) {
      const Window window = window_of(n, Trim::mid_80);
      for (const std::uint64_t censored : {window.end, window.end + 1, n - 1, n}) {
        const HazenSums sums(n, Trim::mid_80, censored);
        CHECK(sums.window().size() == 0);
        CHECK(sums.window().end == window.end);
        CHECK(sums.cut_by_zeros());
      }
    }
  }

  TEST_CASE("the ordinate of a rank is that of its plotting position") {
    const HazenSums sums(1000, Trim::full);
    CHECK(sums.y(1) == doctest::Approx(std::log(-std::log1p(-0.0005))).epsilon(1e-15));
    CHECK(sums.y(1000) == doctest::Approx(std::log(-std::log1p(-0.9995))).epsilon(1e-15));
    // At a boundary between two ranks, y lies between those of the ranks.
    for (std::uint64_t rank = 1; rank < 1000; ++rank) {
      REQUIRE(sums.boundary(rank).y > sums.y(rank));
      REQUIRE(sums.boundary(rank).y < sums.y(rank + 1));
      REQUIRE(sums.boundary(rank).cumulative == sums.cumulative(rank));
    }
    CHECK(std::isfinite(sums.boundary(0).y));
    CHECK(std::isfinite(sums.boundary(1000).y));
  }

  TEST_CASE("no ranks, no sums") {
    const HazenSums sums(0, Trim::mid_80);
    CHECK(sums.window().size() == 0);
  }

  TEST_CASE("sums that are kept are those of sums made anew, however often they are asked for") {
    // More sizes than are kept, asked for in any order: a few ranks at a time, and then all.
    std::vector<std::uint64_t> sizes;
    for (std::uint64_t size = 4070; size < 4090; size += 2) {
      sizes.push_back(size);
    }
    sizes.insert(sizes.end(), {900, 1024, 1025, 1U << 14, (1U << 14) + 1, 70'000});
    HazenCache cache;
    testing::Random random(5);
    bool same = true;
    for (int call = 0; call < 600; ++call) {
      const std::uint64_t n = sizes[random.next() % sizes.size()];
      const Trim trim = random.next() % 4 == 0 ? Trim::full : Trim::mid_80;
      const std::uint64_t censored = random.next() % 8 == 0 ? n / 4 : 0;
      const HazenSums anew(n, trim, censored);
      const Window window = anew.window();
      const std::uint64_t step = random.next() % 3 == 0 ? 1 : 100;
      std::vector<std::uint64_t> ranks;
      for (std::uint64_t rank = window.begin + 1; rank <= window.end; rank += step) {
        ranks.push_back(rank);
      }
      const std::size_t places = ranks.size() + 1;
      std::vector<double> sums(places);
      std::vector<double> y(places);
      std::vector<double> memory;
      const HazenSums& kept = cache.sums(n, trim, censored, ranks.size());
      kept.cumulative_after(ranks.data(), ranks.size(), sums.data(), y.data(), memory);
      std::vector<double> sums_anew(places);
      std::vector<double> y_anew(places);
      anew.cumulative_after(ranks.data(), ranks.size(), sums_anew.data(), y_anew.data(), memory);
      same = same && kept.n() == n && sums == sums_anew && y == y_anew;
      same = same && sums.back() == anew.cumulative(ranks.back());
    }
    CHECK(same);
  }
}

}  // namespace weightgauge
