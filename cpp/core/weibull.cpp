#include "core/weibull.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t least_order_n = 10;

// What the bins leave open about the fit, relative to its numbers.
struct Errors {
  double k = 0;
  double lambda = 0;
  double r2 = 0;
};

// Largest |a C - b V - (a c - b v)| for the covariance C and variance V of some increasing function
// q of a uniform u, 0 <= q <= 1, where c and v are what has been assumed and v_most bounds V.
// q - E q = t (u - 1/2) + rest shows a C - b V <= a^2/(48 b); C <= 1/8; and because q is a mixture
// of steps, V <= 2 C.
double joint_slack(double a, double b, double assumed, double v_most) {
  const double top = b > 0 ? std::min(a / 8, a * a / (48 * b)) : a / 8 - b * v_most;
  const double bottom = std::min(0.0, (a / 2 - b) * v_most);
  return std::max(top - assumed, assumed - bottom);
}

// Sums of squares and products differ from the exact fit's by what bins do not tell: with the
// variance V and the covariance C of each bin's d = (|w| - mean)/mean, as assumed and as they are,
// k = xy/xx is off by the sum of weight [dC - kappa dV]/xy with kappa = k (1 - x) + y/2 (x, y from
// the means: the means of X depend on V as well), and R2 = xy^2/(xx yy) by that of
// weight [2 dC - (k (1 - x) + y) dV]/xy. Taking C and V together matters: evenly spread elements,
// few elements and all of them at one place change both alike. An error e of X itself, where the
// window's end cuts a bin, changes xy by weight e y and xx by weight e (2 x + e).
Errors errors_of(const Plot& plot, double k) {
  const Moments& moments = plot.moments;
  double k_slack = 0;
  double r2_slack = 0;
  double x_slack = 0;
  for (std::size_t i = 0; i < plot.unknowns.size(); ++i) {
    const BinUnknowns& bin = plot.unknowns[i];
    const double weight = plot.weight[i];
    const double x = plot.x[i] - moments.mean_x;
    const double y = plot.y[i] - moments.mean_y;
    const double scale = bin.width * bin.width;
    const double most = scale > 0 ? bin.most / scale : 0;  // V for a bin of width 1
    const double product = bin.width * bin.rise;
    const double bent = bin.width * bin.bend / 2;
    const double kappa = k * (1 - x) + y / 2;
    const double kappa_r2 = k * (1 - x) + y;
    const double edge_k = bin.edge * (std::fabs(y - 2 * k * x) + k * bin.edge);
    const double edge_r2 = bin.edge * (2 * std::fabs(y - k * x) + k * bin.edge);
    k_slack +=
        weight * (joint_slack(product, kappa * scale, bin.covariance - kappa * bin.variance, most) +
                  bent + edge_k);
    r2_slack += weight * (joint_slack(2 * product, kappa_r2 * scale,
                                      2 * bin.covariance - kappa_r2 * bin.variance, most) +
                          2 * bent + edge_r2);
    x_slack += weight * (std::max(bin.variance, bin.most - bin.variance) / 2 + bin.edge);
  }
  Errors errors;
  errors.k = k_slack / moments.xy;
  errors.r2 = r2_slack / moments.xy;
  errors.lambda = x_slack / moments.weight + std::fabs(moments.mean_y / k) * errors.k;
  return errors;
}

}  // namespace

Plot& kept_plot() {
  thread_local Plot plot;
  return plot;
}

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

Fit fit_histogram(const Histogram& histogram, std::uint64_t n, Trim trim) {
  Fit fit;
  fit.status = fittable(histogram, n, least_order_n);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  const HazenSums& sums = kept_hazen_sums(n, trim);
  Plot& plot = kept_plot();
  probability_plot(histogram, sums, plot);
  if (plot.x.size() < 2 && histogram.exact()) {
    fit.status = FitStatus::flat_window;
    return fit;
  }
  fit = fit_of_moments(plot, sums);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  if (!histogram.exact()) {
    const Errors errors = errors_of(plot, fit.k);
    fit.error_bound = std::max(std::max(errors.k, errors.lambda), errors.r2);
  }
  fit.ks = ks_distance(histogram, plot.entries, n, fit.k, fit.log_scale);
  add_standard_errors(plot, n, fit);
  return fit;
}

void add_standard_errors(const Plot& plot, std::uint64_t elements, Fit& fit) {
  const auto n = static_cast<double>(elements);
  const Moments& moments = plot.moments;
  const double share = moments.weight / n;            // m: the window's share of the elements
  const double spread = moments.xx / moments.weight;  // S_xx
  // From the top of the window down: G_j = sum over i >= j of J_i (X_{i+1} - X_i). Above the window
  // G is 0, below it G keeps its last value.
  thread_local std::vector<double> memory;
  memory.resize(std::max(memory.size(), 2 * plot.x.size()));
  InfluenceSums sums = kernels().entries.sum_influences(
      {plot.x.data(), plot.y.data(), plot.count.data(), plot.x.size(), plot.next_x, fit.k,
       moments.mean_x, moments.mean_y, 1 / (share * spread), 1 / share,
       moments.mean_y / (fit.k * fit.k)},
      memory.data());
  sums.sum_k += plot.below * sums.g_k;
  sums.sum_lambda += plot.below * sums.g_lambda;
  sums.square_k += plot.below * sums.g_k * sums.g_k;
  sums.square_lambda += plot.below * sums.g_lambda * sums.g_lambda;
  const auto error = [n](double sum, double square) {
    const double mean = sum / n;
    return std::sqrt(std::max(0.0, square / n - mean * mean) / n);
  };
  fit.k_se = error(sums.sum_k, sums.square_k);
  fit.ln_lambda_se = error(sums.sum_lambda, sums.square_lambda);
}

}  // namespace weightgauge
