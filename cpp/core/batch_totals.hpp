// What all batches of a slice are together.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "core/batch_sums.hpp"
#include "core/errors.hpp"
#include "core/log_magnitude.hpp"
#include "core/plot.hpp"

namespace weightgauge {

using AllSums = std::vector<std::optional<BatchSums>>;

// How far apart X can be.
inline double extent_of(const std::vector<Batch>& batches, DType dtype) {
  return log_ratio(scaled(magnitude_value(dtype, batches.back().range.last)),
                   scaled(magnitude_value(dtype, batches.front().range.first)));
}

// The points of all batches, one after the other.
inline Plot plot_of(const AllSums& batches) {
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

// The narrowest bins, not below the usual ones, of which there cannot be more than so many, for
// what has been counted by its leading bits: the bits that they leave out.
inline int bins_within(const Histogram& leading, std::size_t most) {
  for (int bits = binned_dropped_bits(leading.dtype);; ++bits) {
    const std::uint64_t parts = std::uint64_t{1} << (leading.dropped_bits - bits);
    std::uint64_t bins = 0;
    for (const std::uint64_t count : leading.counts) {
      bins += std::min(count, parts);
    }
    if (bins <= most || parts == 1) {
      return bits;
    }
  }
}

// From the squares of all elements, and how many they are, zeros included.
inline double rms_of(const AllSums& batches, std::uint64_t elements) {
  const double most = batches.back()->most;
  double squares = 0;
  for (const std::optional<BatchSums>& sums : batches) {
    const double share = sums->most / most;
    squares += sums->squares * share * share;
  }
  return most * std::sqrt(squares / static_cast<double>(elements));
}

// What has been counted by its leading bits, in the bins that the batches have found.
inline Histogram binned_again(const Histogram& leading, int dropped_bits, const AllSums& batches) {
  Histogram bins(leading.dtype);
  bins.dropped_bits = dropped_bits;
  for (const std::optional<BatchSums>& sums : batches) {
    for (std::size_t i = 0; i < sums->bins.size(); ++i) {
      bins.append(sums->bins.keys[i], sums->bins.counts[i], sums->bins.residuals[i]);
    }
  }
  if (bins.n() != leading.n()) {
    throw DataChanged();
  }
  bins.zeros = leading.zeros;
  bins.nans = leading.nans;
  bins.infs = leading.infs;
  bins.max_key = leading.max_key;
  return bins;
}

}  // namespace weightgauge
