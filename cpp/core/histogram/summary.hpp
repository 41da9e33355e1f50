// Numbers that are read off a histogram.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Largest finite magnitude; 0 where all are zero, NaN where none is finite.
double max_magnitude(const Histogram& histogram);

// What lies at both ends.
struct EndLevels {
  // Different magnitudes; where there are bins, those that hold any, if they are few; else 0.
  std::uint64_t levels = 0;
  std::uint64_t at_max = 0;  // elements at the largest magnitude, or in its usual bin
  // The next magnitude below it, or the mean of the next usual bin; NaN where there is none.
  double second = std::numeric_limits<double>::quiet_NaN();
  // The lowest magnitude other than zero, or the mean of the lowest bin; NaN where there is none.
  double lowest = std::numeric_limits<double>::quiet_NaN();
};
EndLevels end_levels(const Histogram& histogram);

// Elements with a larger magnitude. Those of a bin count by its mean.
std::uint64_t count_above(const Histogram& histogram, double magnitude);

// The magnitude of every entry, the means of bins where the histogram is not exact, ascending.
std::vector<double> mean_magnitudes(const Histogram& histogram);

// Quantiles of the non-zero finite magnitudes by numpy's "inverted_cdf", in the order of the
// probabilities, each in [0, 1]. Means of bins where not exact; NaN where there is no magnitude.
std::vector<double> histogram_quantiles(const Histogram& histogram,
                                        const std::vector<double>& probabilities);

}  // namespace weightgauge
