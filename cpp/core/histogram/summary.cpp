#include "core/histogram/summary.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

namespace weightgauge {

double max_magnitude(const Histogram& histogram) {
  if (histogram.size() > 0) {
    return magnitude_value(histogram.dtype, histogram.max_key);
  }
  return histogram.zeros > 0 ? 0.0 : std::numeric_limits<double>::quiet_NaN();
}

namespace {

// Weights that lie on no grid fill more bins than these: there are 8,192 to a factor of two.
constexpr std::size_t most_levels_in_bins = 1024;

}  // namespace

EndLevels end_levels(const Histogram& histogram) {
  const std::size_t size = histogram.size();
  EndLevels ends;
  const bool usual_bins = histogram.dropped_bits <= binned_dropped_bits(histogram.dtype);
  const bool few = size <= most_levels_in_bins && usual_bins;
  ends.levels = histogram.exact() || few ? size : 0;
  if (size > 0) {
    ends.lowest = entry_at(histogram, 0).mean;
  }
  if (!histogram.top.empty()) {
    Histogram usual(histogram.dtype);
    usual.dropped_bits = binned_dropped_bits(histogram.dtype);
    for (const Bin& bin : histogram.top) {
      usual.append(bin.key, bin.count, bin.residual);
    }
    const EndLevels upper = end_levels(usual);
    ends.at_max = upper.at_max;
    ends.second = upper.second;
    return ends;
  }
  if (size > 0) {
    ends.at_max = histogram.counts.back();
  }
  if (size > 1) {
    ends.second = entry_at(histogram, size - 2).mean;
  }
  return ends;
}

std::uint64_t count_above(const Histogram& histogram, double magnitude) {
  std::uint64_t count = 0;
  for (std::size_t i = histogram.size(); i > 0 && entry_at(histogram, i - 1).mean > magnitude;
       --i) {
    count += histogram.counts[i - 1];
  }
  return count;
}

std::vector<double> mean_magnitudes(const Histogram& histogram) {
  std::vector<double> means;
  means.reserve(histogram.size());
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    means.push_back(entry_at(histogram, i).mean);
  }
  return means;
}

std::vector<double> histogram_quantiles(const Histogram& histogram,
                                        const std::vector<double>& probabilities) {
  const std::uint64_t n = histogram.n();
  std::vector<double> result(probabilities.size(), std::numeric_limits<double>::quiet_NaN());
  if (n == 0) {
    return result;
  }
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return probabilities[a] < probabilities[b]; });
  std::vector<std::uint64_t> ranks;
  for (const std::size_t i : order) {
    ranks.push_back(inverted_cdf_rank(probabilities[i], n));
  }
  const std::vector<double> ascending = magnitudes_at(histogram, ranks);
  for (std::size_t i = 0; i < order.size(); ++i) {
    result[order[i]] = ascending[i];
  }
  return result;
}

}  // namespace weightgauge
