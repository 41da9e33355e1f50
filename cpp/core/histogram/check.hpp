// Whether numbers from elsewhere, such as a file, are a histogram.
#pragma once

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Checks everything that a scan guarantees. Throws std::invalid_argument where it does not hold.
void check_histogram(const Histogram& histogram);

// As `merged`, of histograms that need not come from one scan. Throws std::overflow_error where the
// counts together are more than a histogram holds.
Histogram checked_merge(const Histogram& a, const Histogram& b);

}  // namespace weightgauge
