// Magnitudes of a histogram's keys, and their logarithms, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/dtype.hpp"

namespace weightgauge {

// Keys ascend and are finite.
void magnitude_values(DType dtype, const std::uint64_t* keys, std::size_t n, double* values);

// x[i] = ln(values[i] / unit) for positive, finite, ascending values, within log_ratio_error.
// `dtype` is their format; narrow ones take less time.
void log_ratios(DType dtype, const double* values, std::size_t n, double unit, double* x);
constexpr double log_ratio_error = 2e-15;  // absolute, for ratios within a format's range

// The error of k is that of X relative to the spread of X: below this standard deviation
// close_log_ratios is called for.
constexpr double least_quick_spread = 0.01;

// The same to the last digit even where a value is so close to the unit that its logarithm is
// hardly more than that error. Slow.
void close_log_ratios(const double* values, std::size_t n, double unit, double* x);

}  // namespace weightgauge
