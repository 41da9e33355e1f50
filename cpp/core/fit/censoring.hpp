// Zeros as left-censored magnitudes: below all others, and nothing else is known of them.
#pragma once

#include <cstdint>

#include "core/fit/hazen.hpp"
#include "core/fit/weibull.hpp"

namespace weightgauge {

// The zeros that have ranks: see Zeros::censor.
inline std::uint64_t censored_of(const Histogram& histogram, Zeros zeros) {
  return zeros == Zeros::censor ? histogram.zeros : 0;
}

// Whether zeros reach so far into the window that a line through the rest means nothing.
inline bool censoring_leaves_too_few(const HazenSums& sums) {
  return sums.cut_by_zeros() && sums.window().size() < least_order_n;
}

}  // namespace weightgauge
