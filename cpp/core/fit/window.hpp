// The part of the ranks a fit looks at.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weightgauge {

enum class Trim : std::uint8_t { mid_80, mid_90, full };

// What zeros are to a fit: left out, or values below all others of which nothing else is known, so
// that they have the lowest ranks and no X (left-censored).
enum class Zeros : std::uint8_t { exclude, censor };

// Ranks begin+1 .. end (1-based order statistics) lie in the window; both bounds are counts.
struct Window {
  std::uint64_t begin;
  std::uint64_t end;
  std::uint64_t size() const { return end > begin ? end - begin : 0; }
};

// All i with low <= (i - 1/2)/n <= high, in integers: (2i - 1) / (2n) against 1/10 or 1/20.
inline Window window_of(std::uint64_t n, Trim trim) {
  if (n == 0 || trim == Trim::full) {
    return {0, n};
  }
  // low = 1/parts: 2i - 1 >= 2n/parts, that is i >= n/parts + 1/2, parts even
  const std::uint64_t half = trim == Trim::mid_80 ? 5 : 10;
  // smallest i with half * (2i - 1) >= n; n < 2^63 keeps everything in range
  const std::uint64_t odd = (n + half - 1) / half;  // smallest integer 2i - 1 may be
  const std::uint64_t first = odd / 2 + 1;          // smallest i with 2i - 1 >= odd
  // The window is symmetric under i -> n + 1 - i.
  return {first - 1, n + 1 - first};
}

// The same without those of its ranks that belong to the `censored` lowest elements.
inline Window uncensored(Window window, std::uint64_t censored) {
  return {std::min(std::max(window.begin, censored), window.end), window.end};
}

}  // namespace weightgauge
