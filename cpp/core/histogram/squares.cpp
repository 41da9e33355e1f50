#include "core/histogram/squares.hpp"

#include <algorithm>
#include <cmath>

#include "core/histogram/bin_shapes.hpp"
#include "core/histogram/log_magnitude.hpp"
#include "core/histogram/summary.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t block = 512;

// Squares of raw values overflow at 1e200: a power of two near the largest magnitude is the unit.
// It is applied in two steps, because the inverse of the smallest subnormal is beyond the range.
struct Unit {
  explicit Unit(double largest)
      : exponent(scaled(largest).exponent),
        half(std::ldexp(1.0, -exponent / 2)),
        other_half(std::ldexp(1.0, -exponent - -exponent / 2)) {}

  double in_units(double value) const { return value * half * other_half; }

  int exponent;
  double half;
  double other_half;
};

double exact_squares(const Histogram& histogram, const Unit& unit) {
  double values[block];
  double sum = 0;
  for (std::size_t from = 0; from < histogram.size(); from += block) {
    const std::size_t size = std::min(block, histogram.size() - from);
    magnitude_values(histogram.dtype, histogram.keys.data() + from, size, values);
    sum += kernels().entries.sum_squares(values, histogram.counts.data() + from, size, unit.half,
                                         unit.other_half);
  }
  return sum;
}

// Sheppard's correction: the spread of c values evenly placed in a bin, as far as the bin's mean
// leaves room for it.
double binned_squares(const Histogram& histogram, const Unit& unit) {
  double low[block];
  double width[block];
  double mean[block];
  double sum = 0;
  for (std::size_t from = 0; from < histogram.size(); from += block) {
    const std::size_t size = std::min(block, histogram.size() - from);
    shape_bins(histogram, from, size, low, width, mean);
    if (from + size == histogram.size()) {  // the last bin ends at the largest magnitude
      width[size - 1] = max_magnitude(histogram) - low[size - 1];
    }
    sum += kernels().bins.sum_bin_squares(low, width, mean, histogram.counts.data() + from, size,
                                          unit.half, unit.other_half);
  }
  return sum;
}

// By how much the sum of the squares of the bin's elements may differ from what is assumed of it.
double squares_slack(const Histogram& histogram, std::size_t bin, const Unit& unit) {
  const Entry entry = entry_at(histogram, bin);
  const double low = unit.in_units(entry.low);
  const double high = unit.in_units(entry.high);
  const double mean = unit.in_units(entry.mean);
  // F64's means are off by what residuals leave out.
  const double keys = std::ldexp(1.0, histogram.dropped_bits);
  const double off = (high - low) * residual_left_out(histogram.dtype) / keys;
  const double most = std::max(0.0, mean - low) * std::max(0.0, high - mean);
  return to_double(histogram.counts[bin]) * (most + off * (2 * mean + off + high - low));
}

}  // namespace

double root_mean_square(const Histogram& histogram, std::uint64_t n) {
  const std::uint64_t finite = n + histogram.zeros;
  if (histogram.size() == 0) {
    return finite > 0 ? 0.0 : std::nan("");
  }
  if (histogram.known_rms) {
    return *histogram.known_rms;
  }
  const double largest = max_magnitude(histogram);
  const Unit unit(largest);
  const double sum =
      histogram.exact() ? exact_squares(histogram, unit) : binned_squares(histogram, unit);
  const double found = std::ldexp(std::sqrt(sum / static_cast<double>(finite)), unit.exponent);
  return std::min(found, largest);
}

bool bins_tell_rms(const Histogram& histogram) {
  const std::size_t irregular = histogram.exact() ? 0 : irregular_bins(histogram);
  if (irregular == 0) {
    return true;
  }
  // A regular bin has a width of 2^-13 of its magnitudes at most, and so a variance of at most a
  // quarter of the square of that.
  constexpr double regular_slack = 0x1p-28;
  const Unit unit(max_magnitude(histogram));
  double slack = 0;
  for (std::size_t i = 0; i < irregular; ++i) {
    slack += squares_slack(histogram, i, unit);
  }
  return slack <= regular_slack * binned_squares(histogram, unit);
}

std::optional<double> told_root_mean_square(const Histogram& histogram) {
  if (histogram.known_rms || bins_tell_rms(histogram)) {
    return root_mean_square(histogram, histogram.n());
  }
  return std::nullopt;
}

std::optional<double> joint_root_mean_square(const Histogram& a, const Histogram& b) {
  const std::optional<double> of_a = told_root_mean_square(a);
  const std::optional<double> of_b = told_root_mean_square(b);
  if (!of_a || !of_b) {
    return std::nullopt;
  }
  // A histogram of nothing finite has NaN, and no weight.
  const auto finite_a = static_cast<double>(a.n() + a.zeros);
  const auto finite_b = static_cast<double>(b.n() + b.zeros);
  const double unit = std::fmax(*of_a, *of_b);
  if (!(unit > 0)) {
    return unit;
  }
  const double share_a = finite_a > 0 ? *of_a / unit : 0;
  const double share_b = finite_b > 0 ? *of_b / unit : 0;
  const double squares = finite_a * share_a * share_a + finite_b * share_b * share_b;
  return unit * std::sqrt(squares / (finite_a + finite_b));
}

}  // namespace weightgauge
