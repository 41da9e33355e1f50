#include "core/exact/batch_moments.hpp"

#include <algorithm>
#include <cmath>

#include "core/exact/bin_expansion.hpp"
#include "core/exact/bin_order.hpp"
#include "core/exact/plot_points.hpp"
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

// Squares and bins where the counting was coarse: see BatchSums.
class FinerCounts {
 public:
  FinerCounts(DType dtype, const Batch& batch, int wanted_bins, BatchSums& result)
      : dtype_(dtype), result_(result) {
    result_.most = magnitude_value(dtype, batch.range.last);
    result_.bins.dropped_bits = wanted_bins;
  }

  void add(std::uint64_t key, std::uint64_t count) {
    const double share = magnitude_value(dtype_, key) / result_.most;
    result_.squares += static_cast<double>(count) * share * share;
    if (result_.bins.dropped_bits != 0) {
      append_bin(result_.bins, 0, key, count, 0);
    }
  }

 private:
  DType dtype_;
  BatchSums& result_;
};

bool in_usual_bins(const Histogram& counted) {
  return counted.dropped_bits == binned_dropped_bits(counted.dtype);
}

BatchSums sum_one_by_one(const Source& source, const View& view, const Batch& batch,
                         const BatchTask& task, ReadBuffer& buffer, SortSpace& space,
                         const Control& control) {
  BatchSums result(view.dtype);
  const HazenSums& sums = task.sums;
  const Window window = sums.window();
  const bool usual = in_usual_bins(task.counted);
  FinerCounts finer(view.dtype, batch, task.wanted_bins, result);
  PointSums points(task, result);
  std::uint64_t rank = batch.rank_before;
  for_each_sorted(source, view, batch, buffer, space, control,
                  [&](std::uint64_t key, std::uint64_t count) {
                    ++result.distinct;
                    if (!usual) {
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
BatchSums sum_by_bins(DType dtype, const Batch& batch, Key* keys, const BatchTask& task,
                      Key* scratch) {
  BatchSums result(dtype);
  const int bin_bits = binned_dropped_bits(dtype);
  const auto n = static_cast<std::size_t>(batch.count);
  if (in_usual_bins(task.counted)) {
    const BinCounts bins = bins_inside(task.counted, batch.range);
    if (order_by_bins(keys, scratch, n, bins, bin_bits)) {
      sum_bins(dtype, batch, scratch, bins, keys, task, result);
      return result;
    }
    radix_sort(keys, scratch, n);
    sum_sorted_bins(dtype, batch, keys, task, result);
    return result;
  }
  radix_sort(keys, scratch, n);
  FinerCounts finer(dtype, batch, task.wanted_bins, result);
  for (std::size_t i = 0; i < n; ++i) {
    finer.add(keys[i], 1);
  }
  sum_sorted_bins(dtype, batch, keys, task, result);
  return result;
}

template <class Key>
void sum_together(const Source& source, const View& view, const Batch* batches, std::size_t n,
                  const BatchTask& task, ReadBuffer& buffer, KeySpace<Key>& space,
                  const Control& control, std::vector<BatchSums>& results) {
  const std::vector<Key*> keys =
      detail::gather_keys(source, view, batches, n, buffer, control, space.keys);
  for (std::size_t i = 0; i < n; ++i) {
    control.check();
    space.scratch.make_room(batches[i].count);
    results.push_back(sum_by_bins(view.dtype, batches[i], keys[i], task, space.scratch.data()));
  }
}

}  // namespace

std::vector<BatchSums> sum_batches(const Source& source, const View& view, const Batch* batches,
                                   std::size_t n, const BatchTask& task, ReadBuffer& buffer,
                                   SortSpace& space, const Control& control) {
  std::vector<BatchSums> results;
  if (!task.quick || batches[0].count > batch_limit(view.dtype)) {
    for (std::size_t i = 0; i < n; ++i) {
      results.push_back(sum_one_by_one(source, view, batches[i], task, buffer, space, control));
    }
  } else if (view.dtype == DType::f32) {
    sum_together(source, view, batches, n, task, buffer, space.of<std::uint32_t>(), control,
                 results);
  } else {
    sum_together(source, view, batches, n, task, buffer, space.of<std::uint64_t>(), control,
                 results);
  }
  return results;
}

}  // namespace weightgauge
