// The root mean square of what a histogram counts.
#pragma once

#include <cstdint>
#include <optional>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Root mean square of the stored values, zeros included, non-finite ones left out. Never above the
// largest magnitude. `n` is histogram.n(). From bins it is within 4e-9, relatively, if they tell
// it.
double root_mean_square(const Histogram& histogram, std::uint64_t n);

// Whether the counts are enough for that. Bins of subnormal magnitudes are as wide as their
// magnitudes, or wider: where little else was counted, they do not tell how large these are.
bool bins_tell_rms(const Histogram& histogram);

// The root mean square where it is known, or told by the counts.
std::optional<double> told_root_mean_square(const Histogram& histogram);
// That of the elements of two histograms together.
std::optional<double> joint_root_mean_square(const Histogram& a, const Histogram& b);

}  // namespace weightgauge
