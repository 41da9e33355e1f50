// The fit of the published protocol, over the counts of its bins.
#pragma once

#include <cstdint>

#include "core/count/paper_bins.hpp"
#include "core/fit/weibull.hpp"

namespace weightgauge {

// Count-weighted least squares over the bins; KS and standard errors are left NaN.
Fit fit_paper(const PaperCounts& counts, Trim trim);

// The whole fit from a histogram, by the published protocol where there are counts for it, else by
// order statistics. KS and standard errors are those of the magnitudes counted, whatever the
// protocol: the published KS compares an upper edge with a bin's centre. `n` is histogram.n(). The
// published protocol always leaves zeros out.
Fit fit_with_protocol(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                      const PaperCounts& paper, FitSpace& space);

}  // namespace weightgauge
