#include "core/batch_sums.hpp"

#include <algorithm>
#include <cmath>

#include "core/bin_order.hpp"
#include "core/log_magnitude.hpp"
#include "core/special.hpp"

namespace weightgauge {

namespace {

// Runs of equal magnitudes up to this length have their ordinates summed one by one.
constexpr std::uint64_t short_run = 3;
// Points of a plot that is not made from bins.
constexpr std::uint64_t wanted_points = 16384;

// Moments of the points of a sorted run of magnitudes, centred block by block.
class MomentSum {
 public:
  explicit MomentSum(Moments& total) : total_(total) {}
  ~MomentSum() { flush(); }
  MomentSum(const MomentSum&) = delete;
  MomentSum& operator=(const MomentSum&) = delete;

  void add(double weight, double x, double y) {
    weight_[used_] = weight;
    x_[used_] = x;
    y_[used_] = y;
    if (++used_ == block) {
      flush();
    }
  }

 private:
  static constexpr std::size_t block = 512;

  void flush() {
    Moments moments;
    for (std::size_t i = 0; i < used_; ++i) {
      moments.weight += weight_[i];
      moments.mean_x += weight_[i] * x_[i];
      moments.mean_y += weight_[i] * y_[i];
    }
    if (moments.weight > 0) {
      moments.mean_x /= moments.weight;
      moments.mean_y /= moments.weight;
    }
    for (std::size_t i = 0; i < used_; ++i) {
      const double x = x_[i] - moments.mean_x;
      moments.xx += weight_[i] * x * x;
      moments.xy += weight_[i] * x * (y_[i] - moments.mean_y);
    }
    used_ = 0;
    total_.merge(moments);
  }

  Moments& total_;
  std::size_t used_ = 0;
  double weight_[block];
  double x_[block];
  double y_[block];
};

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
                         const HazenSums& sums, ReadBuffer& buffer, SortSpace& space,
                         const Control& control) {
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
        bins.append(key >> bins.dropped_bits, count, ((key & low_bits) >> shift) * count);
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

// --- bin by bin -------------------------------------------------------------------------------

double small_to_double(std::uint32_t difference) {
  return static_cast<double>(static_cast<std::int32_t>(difference));
}
double small_to_double(std::uint64_t difference) {
  return static_cast<double>(static_cast<std::int64_t>(difference));
}

// Of a sorted run of keys in one bin, with u = key - mean key and t = place - mean place.
struct RunMoments {
  double mean;  // of key - first key
  double uu;    // sums
  double uuu;
  double ut;
  double utt;
};

template <class Key>
RunMoments run_moments(const Key* keys, std::size_t n) {
  const Key first = keys[0];
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::size_t i = 0; i < n; ++i) {
    sum += small_to_double(static_cast<Key>(keys[i] - first));
  }
  const auto count = static_cast<double>(n);
  const double mean = sum / count;
  const double middle = 0.5 * (count - 1);
  double uu = 0, uuu = 0, ut = 0, utt = 0;
#pragma omp simd reduction(+ : uu, uuu, ut, utt)
  for (std::size_t i = 0; i < n; ++i) {
    const double u = small_to_double(static_cast<Key>(keys[i] - first)) - mean;
    const double t = static_cast<double>(static_cast<std::int32_t>(i)) - middle;
    uu += u * u;
    uuu += u * u * u;
    ut += u * t;
    utt += u * t * t;
  }
  return {mean, uu, uuu, ut, utt};
}

// Sums over a batch's keys in the order of their bins, all of them finite and not zero.
template <class Key>
class BinSums {
 public:
  BinSums(DType dtype, const Batch& batch, const HazenSums& sums, BatchSums& result)
      : dtype_(dtype), sums_(sums), window_(sums.window()), result_(result) {
    result_.bins.dropped_bits = binned_dropped_bits(dtype);
    rank_ = batch.rank_before;
    before_ = sums.boundary(std::clamp(rank_, window_.begin, window_.end));
  }

  // `scratch` is as large.
  void add_all(std::vector<Key>& keys, std::vector<Key>& scratch) {
    const int dropped = result_.bins.dropped_bits;
    for (std::size_t i = 0; i < keys.size();) {
      const Key bin = keys[i] >> dropped;
      std::size_t reach = 1;
      while (i + reach < keys.size() && keys[i + reach] >> dropped == bin) {
        reach *= 2;
      }
      const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(i);
      const auto limit =
          keys.begin() + static_cast<std::ptrdiff_t>(std::min(i + reach, keys.size()));
      const auto end =
          std::partition_point(begin, limit, [&](Key key) { return key >> dropped == bin; });
      add_bin(bin, keys.data() + i, scratch.data() + i, static_cast<std::size_t>(end - begin));
      i += static_cast<std::size_t>(end - begin);
    }
    finish();
  }

 private:
  void add_bin(Key bin, Key* keys, Key* scratch, std::size_t n) {
    sort_bin(keys, scratch, n, result_.bins.dropped_bits);
    const Key low_bits = static_cast<Key>((Key{1} << result_.bins.dropped_bits) - 1);
    const int shift = residual_shift(dtype_);
    std::uint64_t residual = 0;
    std::uint64_t distinct = 1;
    for (std::size_t i = 0; i < n; ++i) {
      residual += (keys[i] & low_bits) >> shift;
    }
    for (std::size_t i = 1; i < n; ++i) {
      distinct += keys[i] != keys[i - 1] ? 1 : 0;
    }
    result_.bins.append(bin, n, residual);
    result_.distinct += distinct;
    const std::uint64_t from = std::max(rank_, window_.begin);
    const std::uint64_t to = std::min(rank_ + n, window_.end);
    if (from < to) {
      add_point(keys + (from - rank_), static_cast<std::size_t>(to - from), to);
    }
    rank_ += n;
  }

  void add_point(const Key* keys, std::size_t n, std::uint64_t to) {
    const RunMoments run = run_moments(keys, n);
    const HazenSums::Boundary after = sums_.boundary(to);
    const auto weight = static_cast<double>(n);
    // Magnitudes are linear in their keys as far as the exponent is the same.
    const double first = magnitude_value(dtype_, keys[0]);
    const double step =
        magnitude_value(dtype_, keys[0] | 1U) - magnitude_value(dtype_, keys[0] & ~Key{1});
    const double mean = first + run.mean * step;
    const double unit = step / mean;  // from here on, of d = (|w| - mean)/mean
    const double square = run.uu / weight * unit * unit;
    const double cube = run.uuu / weight * unit * unit * unit;
    // y = y_mid + y' t/n + y'' (t/n)^2/2 across the bin
    const auto all = static_cast<double>(sums_.n());
    const double slope = 0.5 * (before_.slope + after.slope);
    const double curvature = (after.slope - before_.slope) / weight;  // y''/n
    const double product = (run.ut * slope + 0.5 * run.utt * curvature) / (weight * all) * unit;
    values_.push_back(mean);
    // ln(1 + d) = d - d^2/2 + d^3/3
    result_.points.push_back(
        {weight, cube / 3 - square / 2, (after.cumulative - before_.cumulative) / weight});
    if (n > 1) {
      const double width =
          static_cast<double>(std::uint64_t{1} << result_.bins.dropped_bits) * unit;
      result_.widest = std::max(result_.widest, width);
      result_.inner_xx += weight * square;
      result_.inner_xy += weight * product;
      const double turn = std::fabs(after.bend - before_.bend) * (weight / all) * (weight / all);
      result_.bend += weight * width / 2 * turn / 4;
    }
    before_ = after;
  }

  void finish() {
    if (values_.empty()) {
      return;
    }
    std::vector<double> x(values_.size());
    log_ratios(dtype_, values_.data(), values_.size(), values_.front(), x.data());
    result_.unit = scaled(values_.front());
    {
      MomentSum moments(result_.moments);
      for (std::size_t i = 0; i < x.size(); ++i) {
        PlotPoint& point = result_.points[i];
        point.x += x[i];
        moments.add(point.weight, point.x, point.y);
      }
    }
    result_.moments.xx += result_.inner_xx;
    result_.moments.xy += result_.inner_xy;
  }

  DType dtype_;
  const HazenSums& sums_;
  Window window_;
  BatchSums& result_;
  std::uint64_t rank_ = 0;
  HazenSums::Boundary before_{};
  std::vector<double> values_;
};

template <class Key>
void sum_by_bins(const Source& source, const View& view, const Batch& batch, const HazenSums& sums,
                 ReadBuffer& buffer, KeySpace<Key>& space, const Control& control,
                 BatchSums& result) {
  detail::gather_keys(source, view, batch.range, batch.count, buffer, control, space.keys);
  if (!group_by_bins(space.keys, space.scratch, static_cast<Key>(batch.range.first),
                     static_cast<Key>(batch.range.last), binned_dropped_bits(view.dtype))) {
    radix_sort(space.keys, space.scratch);
  }
  BinSums<Key>(view.dtype, batch, sums, result).add_all(space.keys, space.scratch);
}

}  // namespace

BatchSums sum_batch(const Source& source, const View& view, const Batch& batch,
                    const HazenSums& sums, bool quick, ReadBuffer& buffer, SortSpace& space,
                    const Control& control) {
  if (!quick || batch.count > batch_limit(view.dtype)) {
    return sum_one_by_one(source, view, batch, sums, buffer, space, control);
  }
  BatchSums result(view.dtype);
  if (view.dtype == DType::f32) {
    sum_by_bins(source, view, batch, sums, buffer, space.of<std::uint32_t>(), control, result);
  } else {
    sum_by_bins(source, view, batch, sums, buffer, space.of<std::uint64_t>(), control, result);
  }
  return result;
}

}  // namespace weightgauge
