// The bins of F32 and F64 as doubles, many at a time.
#pragma once

#include <cstddef>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Lower end, width and mean of the n entries of a binned histogram from `first` on: as entry_at().
void shape_bins(const Histogram& histogram, std::size_t first, std::size_t n, double* low,
                double* width, double* mean);

// How many of the first entries are bins of magnitudes so small that their width beside them is not
// that of all others: subnormal ones, and the smallest others of F64.
std::size_t irregular_bins(const Histogram& histogram);

}  // namespace weightgauge
