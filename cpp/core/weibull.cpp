#include "core/weibull.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace weightgauge {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t least_order_n = 10;

// What is unknown about d = (w - mean)/mean inside one bin, per element: the variance v lies in
// [0, v_most] and the covariance of d with y, both rising with rank, in [0, cov_most]. The
// estimates are those of evenly placed magnitudes (Sheppard's correction).
struct Spread {
  double v;
  double v_slack;
  double cov;
  double cov_slack;
};

Spread spread_in_bin(const Entry& entry, std::uint64_t count, double y_range) {
  if (count == 1) {  // the mean is the magnitude
    return {0, 0, 0, 0};
  }
  const double width = (entry.high - entry.low) / entry.mean;
  // Bhatia and Davis: no variable on [low, high] with that mean varies more.
  const double v_most =
      (entry.high - entry.mean) * (entry.mean - entry.low) / (entry.mean * entry.mean);
  const double v = std::min(width * width / 12 * (1 - 1 / static_cast<double>(count)), v_most);
  // Half the elements at either end of the bin is the largest covariance with a rising y.
  const double cov = width * y_range / 12;
  const double cov_most = width * y_range / 8;
  return {v, std::max(v, v_most - v), cov, std::max(cov, cov_most - cov)};
}

// The mean of a bin's elements from+1..to, by rank, of `count`; and how far it can be off.
struct PartMean {
  double mean;
  double slack;
};

PartMean mean_of_part(const Entry& entry, std::uint64_t count, std::uint64_t from,
                      std::uint64_t to) {
  if (to - from == count) {
    return {entry.mean, 0};
  }
  // Evenly placed elements; and the limits that hold for any: the lower ones of a bin do not exceed
  // its mean, and the mean of the others does not exceed the bin.
  const auto c = static_cast<double>(count);
  const double part = static_cast<double>(to - from);
  double least = entry.low;
  double most = entry.high;
  if (from == 0) {
    least = std::max(least, entry.high - c / part * (entry.high - entry.mean));
    most = entry.mean;
  } else if (to == count) {
    least = entry.mean;
    most = std::min(most, entry.low + c / part * (entry.mean - entry.low));
  }
  const double middle = 0.5 * (static_cast<double>(from) + static_cast<double>(to)) / c;
  const double even = entry.mean + (middle - 0.5) * (entry.high - entry.low);
  const double mean = std::min(std::max(even, least), most);
  return {mean, std::max(most - mean, mean - least)};
}

// A magnitude near the middle of the window, so that X = ln(|w|/unit) is small and precise.
Scaled middle_magnitude(const Histogram& histogram, const HazenSums& sums) {
  const std::uint64_t middle = (sums.n() - 1) / 2;
  return scaled(magnitudes_at(histogram, {middle}).front());
}

// What a plot's point leaves unknown, where the histogram is binned.
struct Unknown {
  Spread spread;
  double edge;  // |error| of X of a bin cut by the window's end
};

// Fills plot.points; the unknowns, one a point, only where the histogram is not exact.
std::vector<Unknown> collect_points(const Histogram& histogram, const HazenSums& sums, Plot& plot) {
  const Window window = sums.window();
  const bool exact = histogram.exact();
  std::vector<Unknown> unknowns;
  std::uint64_t rank = 0;
  HazenSums::Boundary before = sums.boundary(window.begin);
  for (std::size_t i = 0; i < histogram.size() && rank < window.end; ++i) {
    const std::uint64_t count = histogram.counts[i];
    const std::uint64_t first = rank;
    const std::uint64_t from = std::max(rank, window.begin);
    const std::uint64_t to = std::min(rank + count, window.end);
    rank += count;
    if (to <= from) {
      continue;
    }
    const HazenSums::Boundary after =
        exact ? HazenSums::Boundary{sums.cumulative(to), 0} : sums.boundary(to);
    const auto weight = static_cast<double>(to - from);
    const Entry entry = entry_at(histogram, i);
    PlotPoint point{weight, 0, (after.cumulative - before.cumulative) / weight,
                    static_cast<double>(count)};
    if (exact) {
      point.x = log_ratio(scaled(entry.mean), plot.unit);
    } else {
      const PartMean part = mean_of_part(entry, count, from - first, to - first);
      const Spread spread = spread_in_bin(entry, count, after.y - before.y);
      point.x = log_ratio(scaled(part.mean), plot.unit) - spread.v / 2;
      unknowns.push_back({spread, part.slack / part.mean});
    }
    if (plot.points.empty()) {
      plot.below = static_cast<double>(first);
    }
    plot.points.push_back(point);
    plot.next_x = i + 1 < histogram.size() && rank >= window.end
                      ? log_ratio(scaled(entry_at(histogram, i + 1).mean), plot.unit)
                      : point.x;
    before = after;
  }
  return unknowns;
}

void sum_moments(const std::vector<Unknown>& unknowns, double mean_y, Plot& plot) {
  Moments& moments = plot.moments;
  moments.mean_y = mean_y;
  CompensatedSum sum_x;
  for (const PlotPoint& point : plot.points) {
    moments.weight += point.weight;
    sum_x.add(point.weight * point.x);
  }
  moments.mean_x = sum_x.value() / moments.weight;
  CompensatedSum sum_xx;
  CompensatedSum sum_xy;
  for (std::size_t i = 0; i < plot.points.size(); ++i) {
    const double weight = plot.points[i].weight;
    const double x = plot.points[i].x - moments.mean_x;
    const double y = plot.points[i].y - mean_y;
    sum_xx.add(weight * x * x);
    sum_xy.add(weight * x * y);
    if (unknowns.empty()) {
      continue;
    }
    // ln(mean (1 + d)) = ln mean + d - d^2/2: the in-bin sums that the means leave out
    const auto& [spread, edge] = unknowns[i];
    sum_xx.add(weight * spread.v);
    sum_xy.add(weight * spread.cov);
    plot.x_slack += weight * (spread.v_slack / 2 + edge);
    plot.xx_slack +=
        weight * (spread.v_slack * std::fabs(1 - x) + edge * (2 * std::fabs(x) + edge));
    plot.xy_slack += weight * (spread.cov_slack + (spread.v_slack / 2 + edge) * std::fabs(y));
  }
  moments.xx = sum_xx.value();
  moments.xy = sum_xy.value();
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

Plot probability_plot(const Histogram& histogram, const HazenSums& sums) {
  Plot plot;
  plot.unit = middle_magnitude(histogram, sums);
  const std::vector<Unknown> unknowns = collect_points(histogram, sums, plot);
  sum_moments(unknowns, sums.mean(), plot);
  return plot;
}

Fit fit_of_moments(const Moments& moments, const HazenSums& sums, Scaled unit) {
  Fit fit;
  if (!(moments.xx > 0)) {
    fit.status = FitStatus::flat_window;
    return fit;
  }
  fit.status = FitStatus::ok;
  fit.k = moments.xy / moments.xx;
  fit.r2 = std::min(1.0, moments.xy / moments.xx * (moments.xy / sums.centred_squares()));
  const double relative = moments.mean_x - moments.mean_y / fit.k;  // ln(lambda / unit)
  fit.log_scale = {unit, relative};
  fit.lambda = scale_value(fit.log_scale);
  return fit;
}

Fit fit_histogram(const Histogram& histogram, Trim trim) {
  const std::uint64_t n = histogram.n();
  Fit fit;
  fit.status = fittable(histogram, n, least_order_n);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  const HazenSums& sums = kept_hazen_sums(n, trim);
  const Plot plot = probability_plot(histogram, sums);
  if (plot.points.size() < 2 && histogram.exact()) {
    fit.status = FitStatus::flat_window;
    return fit;
  }
  fit = fit_of_moments(plot.moments, sums, plot.unit);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  const Moments& moments = plot.moments;
  const double xx_error = plot.xx_slack / moments.xx;
  const double xy_error = plot.xy_slack / moments.xy;
  const double k_error = xx_error + xy_error;
  const double lambda_error =
      plot.x_slack / moments.weight + std::fabs(moments.mean_y / fit.k) * k_error;
  fit.error_bound = std::max(std::max(k_error, lambda_error), xx_error + 2 * xy_error);
  fit.ks = ks_distance(histogram, n, fit.k, fit.log_scale);
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
  double next_x = plot.next_x;
  double g_k = 0;
  double g_lambda = 0;
  double sum_k = 0, sum_lambda = 0, square_k = 0, square_lambda = 0;
  const auto count_in = [&](double count) {
    sum_k += count * g_k;
    sum_lambda += count * g_lambda;
    square_k += count * g_k * g_k;
    square_lambda += count * g_lambda * g_lambda;
  };
  for (std::size_t j = plot.points.size(); j-- > 0;) {
    const PlotPoint& point = plot.points[j];
    const double step = next_x - point.x;
    next_x = point.x;
    const double slope =
        ((point.y - moments.mean_y) - 2 * fit.k * (point.x - moments.mean_x)) / (share * spread);
    g_k += slope * step;
    g_lambda += (1 / share + moments.mean_y / (fit.k * fit.k) * slope) * step;
    count_in(point.count);
  }
  count_in(plot.below);
  const auto error = [n](double sum, double square) {
    const double mean = sum / n;
    return std::sqrt(std::max(0.0, square / n - mean * mean) / n);
  };
  fit.k_se = error(sum_k, square_k);
  fit.ln_lambda_se = error(sum_lambda, square_lambda);
}

}  // namespace weightgauge
