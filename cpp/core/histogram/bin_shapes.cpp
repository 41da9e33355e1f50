#include "core/histogram/bin_shapes.hpp"

#include <algorithm>
#include <cmath>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr int f64_mantissa_bits = 52;
constexpr int f32_mantissa_bits = 23;
constexpr std::uint64_t f32_rebias = std::uint64_t{1023 - 127} << f64_mantissa_bits;

// Bins from this one on hold normal numbers whose steps are normal doubles.
std::uint64_t first_regular_bin(const Histogram& histogram) {
  const int exponent = histogram.dtype == DType::f64 ? f64_mantissa_bits + 1 : 1;
  const int bits = histogram.dtype == DType::f64 ? f64_mantissa_bits : f32_mantissa_bits;
  return static_cast<std::uint64_t>(exponent) << (bits - histogram.dropped_bits);
}

BinScale scale_of(const Histogram& histogram) {
  const bool wide = histogram.dtype == DType::f64;
  const int bits = wide ? f64_mantissa_bits : f32_mantissa_bits;
  return {histogram.dropped_bits + f64_mantissa_bits - bits,
          wide ? 0 : f32_rebias,
          bits,
          std::ldexp(1.0, histogram.dropped_bits),
          residual_unit(histogram.dtype),
          residual_left_out(histogram.dtype)};
}

}  // namespace

void shape_bins(const Histogram& histogram, std::size_t first, std::size_t n, double* low,
                double* width, double* mean) {
  const std::uint64_t regular = first_regular_bin(histogram);
  std::size_t i = 0;
  for (; i < n && histogram.keys[first + i] < regular; ++i) {
    const Entry entry = entry_at(histogram, first + i);
    low[i] = entry.low;
    width[i] = entry.high - entry.low;
    mean[i] = entry.mean;
  }
  kernels().bins.shape_bins(histogram.keys.data() + first + i, histogram.counts.data() + first + i,
                            histogram.residuals.data() + first + i, n - i, scale_of(histogram),
                            low + i, width + i, mean + i);
  for (i = 0; i < n && !histogram.single.empty(); ++i) {
    const bool single = histogram.single[first + i] != 0;
    low[i] = single ? mean[i] : low[i];
    width[i] = single ? 0 : width[i];
  }
}

std::size_t irregular_bins(const Histogram& histogram) {
  const auto first =
      std::lower_bound(histogram.keys.begin(), histogram.keys.end(), first_regular_bin(histogram));
  return static_cast<std::size_t>(first - histogram.keys.begin());
}

}  // namespace weightgauge
