#include "core/batch_sums.hpp"

#include <algorithm>
#include <cmath>

#include "core/bin_order.hpp"
#include "core/bin_sums.hpp"
#include "core/log_magnitude.hpp"
#include "core/moment_sum.hpp"
#include "core/special.hpp"

namespace weightgauge {

namespace {

// Runs of equal magnitudes up to this length have their ordinates summed one by one.
constexpr std::uint64_t short_run = 3;
// Points of a plot that is not made from bins.
constexpr std::uint64_t wanted_points = 16384;

// Joins points until they stand for enough ranks.
class Stretches {
 public:
  Stretches(double least_weight, std::vector<PlotPoint>& points)
      : least_weight_(least_weight), points_(points) {}

  void add(double weight, double x, double y) {
    if (points_.empty() || points_.back().weight >= least_weight_) {
      points_.push_back({0, 0, 0});
    }
    PlotPoint& point = points_.back();
    point.weight += weight;
    point.x += (x - point.x) * (weight / point.weight);
    point.y += (y - point.y) * (weight / point.weight);
  }

 private:
  double least_weight_;
  std::vector<PlotPoint>& points_;
};

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

BatchSums sum_one_by_one(const Source& source, const View& view, const Batch& batch,
                         const HazenSums& sums, bool bins_counted, ReadBuffer& buffer,
                         SortSpace& space, const Control& control) {
  BatchSums result(view.dtype);
  Histogram& bins = result.bins;
  bins.dropped_bits = binned_dropped_bits(view.dtype);
  const std::uint64_t low_bits = (1ULL << bins.dropped_bits) - 1;
  const int shift = residual_shift(view.dtype);
  const Window window = sums.window();
  MomentSum moments(result.moments);
  const std::uint64_t least_ranks = sums.n() / wanted_points;
  Stretches stretches(static_cast<double>(least_ranks), result.points);
  std::uint64_t rank = batch.rank_before;
  for_each_sorted(
      source, view, batch, buffer, space, control, [&](std::uint64_t key, std::uint64_t count) {
        ++result.distinct;
        if (!bins_counted) {
          bins.append(key >> bins.dropped_bits, count, ((key & low_bits) >> shift) * count);
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
          const double x = log_ratio(magnitude, result.unit);
          const double y = mean_ordinate(sums, from, to);
          moments.add(static_cast<double>(to - from), x, y);
          stretches.add(static_cast<double>(to - from), x, y);
        }
      });
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

// Sorts keys and counts them in bins.
template <class Key>
void count_bins(Key* keys, Key* scratch, std::size_t n, Histogram& bins) {
  radix_sort(keys, scratch, n);
  const Key low_bits = static_cast<Key>((Key{1} << bins.dropped_bits) - 1);
  const int shift = residual_shift(bins.dtype);
  for (std::size_t i = 0; i < n;) {
    const Key bin = keys[i] >> bins.dropped_bits;
    const std::size_t begin = i;
    std::uint64_t residual = 0;
    for (; i < n && keys[i] >> bins.dropped_bits == bin; ++i) {
      residual += (keys[i] & low_bits) >> shift;
    }
    bins.append(bin, i - begin, residual);
  }
}

template <class Key>
BatchSums sum_by_bins(DType dtype, const Batch& batch, Key* keys, const Histogram& counted,
                      const HazenSums& sums, Key* scratch) {
  BatchSums result(dtype);
  const int bin_bits = binned_dropped_bits(dtype);
  if (counted.dropped_bits == bin_bits) {
    const BinCounts bins = bins_inside(counted, batch.range);
    Key* const ordered = order_by_bins(keys, scratch, batch.count, bins, bin_bits);
    Key* const rest = ordered == keys ? scratch : keys;
    sum_bins(dtype, batch, ordered, bins, rest, sums, result);
  } else {
    Histogram& own = result.bins;
    own.dropped_bits = bin_bits;
    count_bins(keys, scratch, batch.count, own);
    const BinCounts bins = {own.keys.data(), own.counts.data(), own.size()};
    sum_bins(dtype, batch, keys, bins, scratch, sums, result);
  }
  return result;
}

template <class Key>
void sum_together(const Source& source, const View& view, const Batch* batches, std::size_t n,
                  const Histogram& counted, const HazenSums& sums, ReadBuffer& buffer,
                  KeySpace<Key>& space, const Control& control, std::vector<BatchSums>& results) {
  const std::vector<Key*> keys =
      detail::gather_keys(source, view, batches, n, buffer, control, space.keys);
  for (std::size_t i = 0; i < n; ++i) {
    control.check();
    space.scratch.make_room(batches[i].count);
    results.push_back(
        sum_by_bins(view.dtype, batches[i], keys[i], counted, sums, space.scratch.data()));
  }
}

}  // namespace

std::vector<BatchSums> sum_batches(const Source& source, const View& view, const Batch* batches,
                                   std::size_t n, const Histogram& counted, const HazenSums& sums,
                                   bool quick, ReadBuffer& buffer, SortSpace& space,
                                   const Control& control) {
  std::vector<BatchSums> results;
  const bool bins_counted = counted.dropped_bits == binned_dropped_bits(view.dtype);
  if (!quick || batches[0].count > batch_limit(view.dtype)) {
    for (std::size_t i = 0; i < n; ++i) {
      results.push_back(
          sum_one_by_one(source, view, batches[i], sums, bins_counted, buffer, space, control));
    }
  } else if (view.dtype == DType::f32) {
    sum_together(source, view, batches, n, counted, sums, buffer, space.of<std::uint32_t>(),
                 control, results);
  } else {
    sum_together(source, view, batches, n, counted, sums, buffer, space.of<std::uint64_t>(),
                 control, results);
  }
  return results;
}

}  // namespace weightgauge
