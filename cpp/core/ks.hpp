// Kolmogorov-Smirnov distance between the magnitudes counted and a Weibull distribution.
#pragma once

#include <cstdint>

#include "core/histogram.hpp"

namespace weightgauge {

// ln of the Weibull's scale rather than the scale: no overflow for any k.
double weibull_cdf(Scaled magnitude, double k, double ln_lambda);

// sup |F_n - F| over all magnitudes, both sides of every jump. Exact where the histogram is;
// otherwise taken at the edges of the bins: a lower bound that falls short by at most the largest
// step of F across one bin (k 2^-14 / e).
double ks_distance(const Histogram& histogram, std::uint64_t n, double k, double ln_lambda);
double ks_shortfall(double k);

}  // namespace weightgauge
