#include "core/exact/batch_totals.hpp"

#include <cmath>

#include "core/base/errors.hpp"
#include "core/histogram/log_magnitude.hpp"

namespace weightgauge {

Plot plot_of(const AllSums& batches) {
  Plot plot;
  for (const std::optional<BatchSums>& sums : batches) {
    if (sums->moments.weight > 0) {
      plot.unit = plot.x.empty() ? sums->unit : plot.unit;
      const double offset = log_ratio(sums->unit, plot.unit);
      plot.moments.merge(sums->moments, offset);
      for (const PlotPoint& point : sums->points) {
        plot.weight.push_back(point.weight);
        plot.count.push_back(point.weight);
        plot.x.push_back(point.x + offset);
        plot.y.push_back(point.y);
      }
    }
  }
  return plot;
}

double rms_of(const AllSums& batches, std::uint64_t elements) {
  const double most = batches.back()->most;
  double squares = 0;
  for (const std::optional<BatchSums>& sums : batches) {
    const double share = sums->most / most;
    squares += sums->squares * share * share;
  }
  return most * std::sqrt(squares / static_cast<double>(elements));
}

Histogram binned_again(const Histogram& leading, int dropped_bits, const AllSums& batches) {
  Histogram bins = without_entries(leading, dropped_bits);
  for (const std::optional<BatchSums>& sums : batches) {
    for (std::size_t i = 0; i < sums->bins.size(); ++i) {
      bins.append(sums->bins.keys[i], sums->bins.counts[i], sums->bins.residuals[i]);
    }
  }
  if (bins.n() != leading.n()) {
    throw DataChanged();
  }
  return bins;
}

}  // namespace weightgauge
