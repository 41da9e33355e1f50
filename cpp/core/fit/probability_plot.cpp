#include "core/fit/probability_plot.hpp"

#include <algorithm>
#include <cmath>

#include "core/histogram/bin_shapes.hpp"
#include "core/histogram/log_magnitude.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

// The entries that reach into the window, by the ranks at which entries end.
struct Reach {
  std::size_t first;
  std::size_t last;  // included
  std::size_t middle;
};

Reach reach_of(const std::vector<std::uint64_t>& ranks, const HazenSums& sums) {
  const Window window = sums.window();
  const auto after = [&ranks](std::uint64_t rank) {  // the entry of the rank-th element, from 0
    return static_cast<std::size_t>(std::upper_bound(ranks.begin(), ranks.end(), rank) -
                                    ranks.begin());
  };
  return {after(window.begin), after(window.end - 1),
          after(std::max((sums.n() - 1) / 2, window.begin))};
}

void sum_moments(double mean_y, Plot& plot) {
  const LineSums sums = kernels().entries.sum_line(plot.weight.data(), plot.x.data(), plot.y.data(),
                                                   plot.x.size(), mean_y);
  plot.moments = {sums.weight, sums.mean_x, mean_y, sums.xx, sums.xy};
}

// The window may cut its first and last entry: their points weigh as much as lies inside.
void set_weights(const Histogram& histogram, const Reach& reach, const Window& window,
                 const std::vector<std::uint64_t>& ranks, Plot& plot) {
  const std::size_t size = reach.last - reach.first + 1;
  plot.weight.resize(size);
  plot.count.resize(size);
  kernels().entries.to_doubles(histogram.counts.data() + reach.first, size, plot.count.data());
  std::copy(plot.count.begin(), plot.count.end(), plot.weight.begin());
  const std::uint64_t before = ranks[reach.first] - histogram.counts[reach.first];
  plot.below = static_cast<double>(before);
  plot.weight.front() -= static_cast<double>(window.begin - before);
  plot.weight.back() -= static_cast<double>(ranks[reach.last] - window.end);
}

void plot_exact(const Histogram& histogram, const HazenSums& sums, Plot& plot, PlotSpace& space) {
  std::vector<double>& values = space.values;
  std::vector<std::uint64_t>& ranks = plot.entries.ranks;
  const Window window = sums.window();
  const std::size_t entries = histogram.size();
  note_ranks(histogram, ranks, sums.censored());
  values.resize(entries);
  magnitude_values(histogram.dtype, histogram.keys.data(), entries, values.data());
  const Reach reach = reach_of(ranks, sums);
  set_weights(histogram, reach, window, ranks, plot);
  const std::size_t size = plot.weight.size();
  plot.y.resize(size);
  space.sums.resize(size + 1);
  space.ends.resize(size + 1);
  sums.cumulative_after(ranks.data() + reach.first, size, space.sums.data(), space.ends.data(),
                        space.slopes);
  plot.end_y.assign(space.ends.begin() + 1, space.ends.end());
  kernels().entries.divide_differences(space.sums.data(), plot.weight.data(), size, plot.y.data());
  const double unit = values[reach.middle];
  plot.unit = scaled(unit);
  plot.entries.x.resize(entries);
  plot.x.resize(size);
  const auto first = plot.entries.x.begin() + static_cast<std::ptrdiff_t>(reach.first);
  log_ratios(histogram.dtype, values.data(), entries, unit, plot.entries.x.data());
  std::copy_n(first, size, plot.x.begin());
  sum_moments(sums.mean(), plot);
  const Moments& moments = plot.moments;
  if (moments.xx < least_quick_spread * least_quick_spread * moments.weight) {
    close_log_ratios(values.data(), entries, unit, plot.entries.x.data());
    std::copy_n(first, size, plot.x.begin());
    sum_moments(sums.mean(), plot);
  }
}

// The mean of a bin's elements from+1..to, by rank, of `count`; and how far it can be off.
struct PartMean {
  double mean;
  double slack;
};

PartMean mean_of_part(const Entry& entry, std::uint64_t count, std::uint64_t from,
                      std::uint64_t to) {
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

// Means of the bins, which take the place of X for now, means of y, and what is unknown of the
// bins.
void note_bins(const Histogram& histogram, const HazenSums& sums, std::size_t first, Plot& plot) {
  constexpr std::size_t block = 512;
  double low[block];
  double width[block];
  double y[block + 1];
  double slope[block + 1];
  double cumulative[block + 1];
  const std::uint64_t* const ranks = plot.entries.ranks.data() + first;
  double before[3] = {};  // the last of a block are the first of the next
  const std::size_t size = plot.weight.size();
  for (std::size_t from = 0; from < size; from += block) {
    const std::size_t n = std::min(block, size - from);
    double* const mean = plot.x.data() + from;
    shape_bins(histogram, first + from, n, low, width, mean);
    sums.boundaries_after(ranks + from, n, cumulative, y, slope);
    if (from > 0) {
      cumulative[0] = before[0];
      y[0] = before[1];
      slope[0] = before[2];
    }
    before[0] = cumulative[n];
    before[1] = y[n];
    before[2] = slope[n];
    kernels().entries.divide_differences(cumulative, plot.weight.data() + from, n,
                                         plot.y.data() + from);
    std::copy_n(y + 1, n, plot.end_y.begin() + static_cast<std::ptrdiff_t>(from));
    kernels().bins.bin_unknowns(low, width, mean, plot.count.data() + from, y, slope, n,
                                static_cast<double>(sums.n()), plot.unknowns.at(from));
  }
}

// Where the window's end cuts a bin: the mean of the elements inside. Returns how far X can be off.
double cut_bin(const Histogram& histogram, const Window& window, std::size_t first, std::size_t bin,
               Plot& plot) {
  if (plot.weight[bin] == plot.count[bin]) {
    return plot.unknowns.edge;
  }
  const std::uint64_t end = plot.entries.ranks[first + bin];
  const std::uint64_t count = histogram.counts[first + bin];
  const std::uint64_t begin = end - count;
  const PartMean part =
      mean_of_part(entry_at(histogram, first + bin), count, std::max(begin, window.begin) - begin,
                   std::min(end, window.end) - begin);
  plot.x[bin] = part.mean;
  return plot.unknowns.edge + part.slack / part.mean;
}

void plot_bins(const Histogram& histogram, const HazenSums& sums, Plot& plot, PlotSpace& space) {
  std::vector<std::uint64_t>& ranks = plot.entries.ranks;
  const Window window = sums.window();
  note_ranks(histogram, ranks, sums.censored());
  const Reach reach = reach_of(ranks, sums);
  set_weights(histogram, reach, window, ranks, plot);
  const std::size_t size = plot.weight.size();
  const double unit = entry_at(histogram, reach.middle).mean;
  plot.unit = scaled(unit);
  plot.x.resize(size);
  plot.y.resize(size);
  plot.end_y.resize(size);
  plot.unknowns.resize(size);
  plot.unknowns.edge = residual_slack(histogram.dtype);
  note_bins(histogram, sums, reach.first, plot);
  plot.unknowns.first_edge = cut_bin(histogram, window, reach.first, 0, plot);
  plot.unknowns.last_edge = cut_bin(histogram, window, reach.first, size - 1, plot);
  std::vector<double>& means = space.values;
  means.assign(plot.x.begin(), plot.x.end());
  log_ratios(histogram.dtype, means.data(), size, unit, plot.x.data());
  const BinUnknowns unknowns = plot.unknowns.at(0);
  for (std::size_t j = 0; j < size; ++j) {
    plot.x[j] -= unknowns.variance[j] / 2;  // ln(1 + d) = d - d^2/2
  }
  sum_moments(sums.mean(), plot);
  for (std::size_t j = 0; j < size; ++j) {
    plot.moments.xx += plot.weight[j] * unknowns.variance[j];
    plot.moments.xy += plot.weight[j] * unknowns.covariance[j];
  }
}

}  // namespace

void probability_plot(const Histogram& histogram, const HazenSums& sums, Plot& plot,
                      PlotSpace& space) {
  plot.entries.x.clear();
  plot.unknowns.resize(0);
  plot.cut_by_zeros = sums.cut_by_zeros();
  if (histogram.exact()) {
    plot_exact(histogram, sums, plot, space);
  } else {
    plot_bins(histogram, sums, plot, space);
  }
}

}  // namespace weightgauge
