#include "core/fit/weibull.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/fit/censoring.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// What the bins leave open about the fit, relative to its numbers.
struct Errors {
  double k = 0;
  double lambda = 0;
  double r2 = 0;
};

// Where the window's end cuts a bin, the error of X there may exceed `edge`. With an error e, xy
// changes by weight e y and xx by weight e (2 x + e).
void add_edge(const Plot& plot, std::size_t point, double error, double k, BinSlacks& slacks) {
  const double x = plot.x[point] - plot.moments.mean_x;
  const double y = plot.y[point] - plot.moments.mean_y;
  const double weight = plot.weight[point];
  const double edge = plot.unknowns.edge;
  const double more_squared = k * (error * error - edge * edge);
  slacks.k += weight * ((error - edge) * std::fabs(y - 2 * k * x) + more_squared);
  slacks.r2 += weight * ((error - edge) * 2 * std::fabs(y - k * x) + more_squared);
  slacks.x += weight * (error - edge);
}

Errors errors_of(Plot& plot, double k) {
  const Moments& moments = plot.moments;
  BinSlacks slacks = kernels().bins.sum_slacks(
      plot.unknowns.at(0), plot.weight.data(), plot.x.data(), plot.y.data(), plot.unknowns.bins,
      moments.mean_x, moments.mean_y, k, plot.unknowns.edge);
  add_edge(plot, 0, plot.unknowns.first_edge, k, slacks);
  if (plot.x.size() > 1) {
    add_edge(plot, plot.x.size() - 1, plot.unknowns.last_edge, k, slacks);
  }
  Errors errors;
  errors.k = slacks.k / moments.xy;
  errors.r2 = slacks.r2 / moments.xy;
  errors.lambda = slacks.x / moments.weight + std::fabs(moments.mean_y / k) * errors.k;
  return errors;
}

}  // namespace

Fit::Fit()
    : k(nan),
      lambda(nan),
      log_scale{{nan, 0}, nan},
      r2(nan),
      ks(nan),
      k_se(nan),
      ln_lambda_se(nan) {}

FitStatus fittable(const Histogram& histogram, std::uint64_t n, std::uint64_t least_n) {
  if (n == 0) {
    return FitStatus::empty;
  }
  if (n < least_n) {
    return FitStatus::too_few;
  }
  return histogram.exact() && histogram.size() <= 2 ? FitStatus::few_magnitudes : FitStatus::ok;
}

Fit fit_of_moments(const Plot& plot, const HazenSums& sums) {
  const Moments& moments = plot.moments;
  Fit fit;
  if (!(moments.xx > 0)) {
    fit.status = FitStatus::flat_window;
    return fit;
  }
  fit.status = FitStatus::ok;
  fit.k = moments.xy / moments.xx;
  fit.r2 = std::min(1.0, moments.xy / moments.xx * (moments.xy / sums.centred_squares()));
  const double relative = moments.mean_x - moments.mean_y / fit.k;  // ln(lambda / unit)
  fit.log_scale = {plot.unit, relative};
  fit.lambda = scale_value(fit.log_scale);
  return fit;
}

Fit line_of_histogram(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                      FitSpace& space) {
  Fit fit;
  fit.status = fittable(histogram, n, least_order_n);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  const std::uint64_t censored = censored_of(histogram, zeros);
  const HazenSums& sums = space.ordinates.sums(n + censored, trim, censored, histogram.size());
  if (censoring_leaves_too_few(sums)) {
    fit.status = FitStatus::censored;
    return fit;
  }
  Plot& plot = space.plot;
  probability_plot(histogram, sums, plot, space.plot_space);
  if (plot.x.size() < 2 && histogram.exact()) {
    fit.status = FitStatus::flat_window;
    return fit;
  }
  return fit_of_moments(plot, sums);
}

Fit fit_histogram(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                  FitSpace& space) {
  Fit fit = line_of_histogram(histogram, n, trim, zeros, space);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  Plot& plot = space.plot;
  if (!histogram.exact()) {
    const Errors errors = errors_of(plot, fit.k);
    fit.error_bound = std::max(std::max(errors.k, errors.lambda), errors.r2);
  }
  const KsDistance ks = ks_distance(histogram, plot.entries, fit.k, fit.log_scale, space.distances);
  fit.ks = ks.distance;
  fit.ks_shortfall = ks.shortfall;
  add_standard_errors(plot, n + censored_of(histogram, zeros), fit, space.influences);
  return fit;
}

void add_standard_errors(const Plot& plot, std::uint64_t elements, Fit& fit,
                         Influences& influences) {
  influences.make(plot, elements, fit.k);
  fit.k_se = influences.errors().k;
  fit.ln_lambda_se = influences.errors().ln_lambda;
}

}  // namespace weightgauge
