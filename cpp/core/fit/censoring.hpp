// Zeros as left-censored magnitudes: below all others, and nothing else is known of them.
#pragma once

#include <cstdint>

#include "core/fit/hazen.hpp"
#include "core/fit/probability_plot.hpp"
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

// Where zeros reach into the window, its lower end lies at their share p0 of all n elements, and
// moves with it. With X_1 the lowest magnitude's, m the window's share, S_xx the variance of X in
// it and e = y(p0) - ybar - k (X_1 - Xbar), an element that is zero rather than of that magnitude
// adds
//   -(X_1 - Xbar) e / (m S_xx) to the influence on k, and
//   e / (k m) + (ybar / k^2) times that to the influence on ln lambda.
// These are their negatives, as add_standard_errors() counts; zero where the window is not cut.
struct CensoredEnd {
  double k = 0;
  double ln_lambda = 0;
};
CensoredEnd censored_end(const Plot& plot, double n, const Fit& fit);

}  // namespace weightgauge
