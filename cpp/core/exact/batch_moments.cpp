#include "core/exact/batch_moments.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/errors.hpp"
#include "core/exact/bin_expansion.hpp"
#include "core/exact/plot_points.hpp"
#include "core/exact/sort.hpp"
#include "core/fit/special.hpp"
#include "core/histogram/log_magnitude.hpp"

namespace weightgauge {

namespace {

// Runs of equal magnitudes up to this length have their ordinates summed one by one.
constexpr std::uint64_t short_run = 3;

double mean_ordinate(const HazenSums& sums, std::uint64_t from, std::uint64_t to) {
  if (to - from > short_run) {
    return (sums.cumulative(to) - sums.cumulative(from)) / static_cast<double>(to - from);
  }
  double sum = 0;
  for (std::uint64_t rank = from + 1; rank <= to; ++rank) {
    sum += sums.y(rank);
  }
  return sum / static_cast<double>(to - from);
}

// Squares, and bins where the counting was coarse: see BatchMoments.
class FinerCounts {
 public:
  FinerCounts(DType dtype, const Batch& batch, int wanted_bins, BatchMoments& result)
      : dtype_(dtype), usual_bits_(binned_dropped_bits(dtype)), result_(result) {
    result_.most = magnitude_value(dtype, batch.range.last);
    result_.bins.dropped_bits = wanted_bins;
  }

  void add(std::uint64_t key, std::uint64_t count) {
    const double share = magnitude_value(dtype_, key) / result_.most;
    // Kahan's sum: magnitudes are often alike, and then roundings go the same way.
    const double square = static_cast<double>(count) * share * share - lost_;
    const double sum = result_.squares + square;
    lost_ = (sum - result_.squares) - square;
    result_.squares = sum;
    if (result_.bins.dropped_bits != 0) {
      append_bin(result_.bins, 0, key, count, 0);
      if (result_.bins.dropped_bits > usual_bits_) {
        const std::uint64_t low_bits = key & ((std::uint64_t{1} << usual_bits_) - 1);
        append_top(result_.bins.top,
                   {key >> usual_bits_, count, (low_bits >> residual_shift(dtype_)) * count});
      }
    }
  }

 private:
  DType dtype_;
  int usual_bits_;
  BatchMoments& result_;
  double lost_ = 0;  // by how much the sum of squares has been rounded up
};

BatchMoments moments_one_by_one(const ByteSource& source, const View& view, const Batch& batch,
                                const BatchTask& task, ReadBuffer& buffer, SortSpace& space,
                                const Control& control) {
  BatchMoments result(view.dtype);
  const HazenSums& sums = task.sums;
  const Window window = sums.window();
  FinerCounts finer(view.dtype, batch, task.wanted_bins, result);
  PlotPoints points(task, result);
  std::uint64_t rank = batch.rank_before;
  for_each_sorted(source, view, batch, buffer, space, control,
                  [&](std::uint64_t key, std::uint64_t count) {
                    ++result.distinct;
                    if (task.squares) {
                      finer.add(key, count);
                    }
                    const std::uint64_t from = std::max(rank, window.begin);
                    const std::uint64_t to = std::min(rank + count, window.end);
                    rank += count;
                    if (from < to) {
                      // Magnitudes may differ in their last digits only: X counts from one of them.
                      const Scaled magnitude = scaled(magnitude_value(view.dtype, key));
                      if (from == std::max(batch.rank_before, window.begin)) {
                        result.unit = magnitude;
                      }
                      points.add(static_cast<double>(to - from), log_ratio(magnitude, result.unit),
                                 mean_ordinate(sums, from, to));
                    }
                  });
  points.finish();
  return result;
}

// The bins of a histogram that a range of keys covers whole.
BinCounts bins_inside(const Histogram& histogram, KeyRange range) {
  const auto place = [&](std::uint64_t bin) {
    return static_cast<std::size_t>(
        std::lower_bound(histogram.keys.begin(), histogram.keys.end(), bin) -
        histogram.keys.begin());
  };
  const std::size_t begin = place(range.first >> histogram.dropped_bits);
  const std::size_t end = place((range.last >> histogram.dropped_bits) + 1);
  return {histogram.keys.data() + begin, histogram.counts.data() + begin, end - begin};
}

template <class Key>
BatchMoments moments_by_bins(DType dtype, const Batch& batch, Key* keys, const BatchTask& task,
                             KeySpace<Key>& space) {
  BatchMoments result(dtype);
  const int bin_bits = binned_dropped_bits(dtype);
  const auto n = static_cast<std::size_t>(batch.count);
  space.scratch.make_room(n);
  Key* const scratch = space.scratch.data();
  if (!task.squares) {
    const BinCounts bins = bins_inside(task.counted, batch.range);
    if (order_by_bins(keys, scratch, n, bins, bin_bits, space.places)) {
      expand_bins(dtype, batch, scratch, bins, keys, task, result);
      return result;
    }
    radix_sort(keys, scratch, n);
    expand_sorted_bins(dtype, batch, keys, task, result);
    return result;
  }
  radix_sort(keys, scratch, n);
  FinerCounts finer(dtype, batch, task.wanted_bins, result);
  for (std::size_t i = 0, end = 0; i < n; i = end) {
    while (end < n && keys[end] == keys[i]) {
      ++end;
    }
    finer.add(keys[i], end - i);
  }
  expand_sorted_bins(dtype, batch, keys, task, result);
  return result;
}

template <class Key>
void moments_together(const ByteSource& source, const View& view, const Batch* batches,
                      std::size_t n, const BatchTask& task, ReadBuffer& buffer,
                      KeySpace<Key>& space, const Control& control,
                      std::vector<BatchMoments>& results) {
  const std::vector<Key*> keys =
      detail::gather_keys(source, view, batches, n, buffer, control, space.keys);
  for (std::size_t i = 0; i < n; ++i) {
    control.check();
    results.push_back(moments_by_bins(view.dtype, batches[i], keys[i], task, space));
  }
}

}  // namespace

std::vector<BatchMoments> moments_of_batches(const ByteSource& source, const View& view,
                                             const Batch* batches, std::size_t n,
                                             const BatchTask& task, ReadBuffer& buffer,
                                             SortSpace& space, const Control& control) {
  std::vector<BatchMoments> results;
  if (!task.quick || batches[0].count > batch_limit(view.dtype)) {
    for (std::size_t i = 0; i < n; ++i) {
      results.push_back(moments_one_by_one(source, view, batches[i], task, buffer, space, control));
    }
  } else if (view.dtype == DType::f32) {
    moments_together(source, view, batches, n, task, buffer, space.of<std::uint32_t>(), control,
                     results);
  } else {
    moments_together(source, view, batches, n, task, buffer, space.of<std::uint64_t>(), control,
                     results);
  }
  return results;
}

Plot plot_of(const AllMoments& batches) {
  Plot plot;
  for (const std::optional<BatchMoments>& sums : batches) {
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

double rms_of(const AllMoments& batches, std::uint64_t elements) {
  const double most = batches.back()->most;
  double squares = 0;
  for (const std::optional<BatchMoments>& sums : batches) {
    const double share = sums->most / most;
    squares += sums->squares * share * share;
  }
  return most * std::sqrt(squares / static_cast<double>(elements));
}

Histogram binned_again(const Histogram& leading, int dropped_bits, const AllMoments& batches) {
  Histogram bins = without_entries(leading, dropped_bits);
  for (const std::optional<BatchMoments>& sums : batches) {
    for (std::size_t i = 0; i < sums->bins.size(); ++i) {
      bins.append(sums->bins.keys[i], sums->bins.counts[i], sums->bins.residuals[i]);
    }
    for (const Bin& bin : sums->bins.top) {
      append_top(bins.top, bin);
    }
  }
  if (bins.n() != leading.n()) {
    throw DataChanged();
  }
  return bins;
}

}  // namespace weightgauge
