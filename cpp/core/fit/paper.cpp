#include "core/fit/paper.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/fit/ks.hpp"

namespace weightgauge {

namespace {

constexpr double least_total = 100;
constexpr std::size_t least_bins = 5;

struct Point {
  double weight;
  double x;
  double y;
};

std::vector<Point> points_of(const PaperCounts& counts, Trim trim, double total) {
  // Written as the published code computes it: the last digit decides which bins are in.
  const double margin = trim == Trim::full     ? 0.0
                        : trim == Trim::mid_80 ? (1 - 80 / 100.0) / 2.0
                                               : (1 - 90 / 100.0) / 2.0;
  constexpr double low = -12.0;
  constexpr double step = 14.0 / PaperBins::bins;
  std::vector<Point> points;
  std::uint64_t below = 0;
  for (std::size_t bin = 0; bin < PaperBins::bins; ++bin) {
    const std::uint64_t count = counts[bin + 1];
    const double lower = static_cast<double>(below) / total;
    below += count;
    const double upper = static_cast<double>(below) / total;
    const double middle = (upper + lower) / 2;
    const bool inside =
        trim == Trim::full ? middle > 0 && middle < 1 : middle >= margin && middle <= 1 - margin;
    if (count == 0 || !inside) {
      continue;
    }
    const double centre =
        ((low + static_cast<double>(bin) * step) + (low + static_cast<double>(bin + 1) * step)) / 2;
    points.push_back({static_cast<double>(count), centre * std::log(10.0),
                      std::log(-std::log(1 - middle + 1e-12))});
  }
  return points;
}

}  // namespace

Fit fit_paper(const PaperCounts& counts, Trim trim) {
  Fit fit;
  double total = 0;
  for (std::size_t bin = 0; bin < PaperBins::bins; ++bin) {
    total += static_cast<double>(counts[bin + 1]);
  }
  if (total < least_total) {
    fit.status = total > 0 ? FitStatus::too_few : FitStatus::empty;
    return fit;
  }
  const std::vector<Point> points = points_of(counts, trim, total);
  if (points.size() < least_bins) {
    fit.status = FitStatus::few_bins;
    return fit;
  }
  Moments moments;
  double yy = 0;
  for (const Point& point : points) {
    moments.weight += point.weight;
    moments.mean_x += point.weight * point.x;
    moments.mean_y += point.weight * point.y;
  }
  moments.mean_x /= moments.weight;
  moments.mean_y /= moments.weight;
  for (const Point& point : points) {
    const double x = point.x - moments.mean_x;
    const double y = point.y - moments.mean_y;
    moments.xx += point.weight * x * x;
    moments.xy += point.weight * x * y;
    yy += point.weight * y * y;
  }
  fit.status = FitStatus::ok;
  fit.k = moments.xy / moments.xx;
  fit.log_scale = {scaled(1), moments.mean_x - moments.mean_y / fit.k};
  fit.lambda = scale_value(fit.log_scale);
  fit.r2 = std::min(1.0, moments.xy / moments.xx * (moments.xy / yy));
  return fit;
}

Fit fit_with_protocol(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                      const PaperCounts& paper, FitSpace& space) {
  if (paper.empty()) {
    return fit_histogram(histogram, n, trim, zeros, space);
  }
  Fit fit;
  fit.status = fittable(histogram, n, 0);
  if (fit.status != FitStatus::ok) {
    return fit;
  }
  fit = fit_paper(paper, trim);
  if (fit.status == FitStatus::ok) {
    const KsDistance ks = ks_distance(histogram, fit.k, fit.log_scale);
    fit.ks = ks.distance;
    fit.ks_shortfall = ks.shortfall;
    const HazenSums& sums = space.ordinates.sums(n, trim, 0, histogram.size());
    probability_plot(histogram, sums, space.plot, space.plot_space);
    add_standard_errors(space.plot, n, fit, space.influences);
  }
  return fit;
}

}  // namespace weightgauge
