// Numbers that are read off a histogram.
#pragma once

#include <vector>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Largest finite magnitude; 0 where all are zero, NaN where none is finite.
double max_magnitude(const Histogram& histogram);

// The magnitude of every entry, the means of bins where the histogram is not exact, ascending.
std::vector<double> mean_magnitudes(const Histogram& histogram);

// Quantiles of the non-zero finite magnitudes by numpy's "inverted_cdf", in the order of the
// probabilities, each in [0, 1]. Means of bins where not exact; NaN where there is no magnitude.
std::vector<double> histogram_quantiles(const Histogram& histogram,
                                        const std::vector<double>& probabilities);

}  // namespace weightgauge
