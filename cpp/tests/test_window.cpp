#include <doctest/doctest.h>

#include <initializer_list>
#include <utility>

#include "core/fit/window.hpp"

namespace weightgauge {

namespace {

// Whether rank i of n is in the window from `twentieths`/20 to 1 - `twentieths`/20. The condition
// low <= (i - 1/2)/n <= high is multiplied by 20 (2n), so that all numbers are integers.
bool inside(std::uint64_t i, std::uint64_t n, std::uint64_t twentieths) {
  const std::uint64_t position = 20 * (2 * i - 1);
  return 2 * n * twentieths <= position && position <= 2 * n * (20 - twentieths);
}

void check_definition(std::uint64_t n, Trim trim, std::uint64_t twentieths) {
  const Window window = window_of(n, trim);
  bool same = window.end <= n;
  for (std::uint64_t i = 1; i <= n; ++i) {
    const bool in_window = i > window.begin && i <= window.end;
    same = same && in_window == inside(i, n, twentieths);
  }
  CAPTURE(n);
  CHECK(same);
}

}  // namespace

TEST_SUITE("window") {
  TEST_CASE("ranks are in the window by their plotting position, for every small n") {
    for (std::uint64_t n = 0; n <= 700; ++n) {
      check_definition(n, Trim::mid_80, 2);
      check_definition(n, Trim::mid_90, 1);
      check_definition(n, Trim::full, 0);
    }
  }

  TEST_CASE("and at the window's ends for large n") {
    for (const std::uint64_t n : {99'999ULL, 1'000'000ULL, 16'777'216ULL, 1'000'000'000'003ULL}) {
      for (const auto& [trim, twentieths] : {std::pair<Trim, std::uint64_t>{Trim::mid_80, 2},
                                             std::pair<Trim, std::uint64_t>{Trim::mid_90, 1}}) {
        const Window window = window_of(n, trim);
        CHECK_FALSE(inside(window.begin, n, twentieths));
        CHECK(inside(window.begin + 1, n, twentieths));
        CHECK(inside(window.end, n, twentieths));
        CHECK_FALSE(inside(window.end + 1, n, twentieths));
      }
    }
  }
}

}  // namespace weightgauge
