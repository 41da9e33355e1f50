#include "core/exact/bin_expansion.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/exact/plot_points.hpp"
#include "core/histogram/log_magnitude.hpp"

namespace weightgauge {

namespace {

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
class BinExpansion {
 public:
  BinExpansion(DType dtype, const Batch& batch, const BatchTask& task, BatchMoments& result)
      : dtype_(dtype),
        sums_(task.sums),
        window_(task.sums.window()),
        result_(result),
        points_(task, result) {
    rank_ = batch.rank_before;
    before_ = sums_.boundary(std::clamp(rank_, window_.begin, window_.end));
  }

  // `scratch` has room for the keys of any bin.
  void add_all(Key* keys, const BinCounts& bins, Key* scratch) {
    for (std::size_t i = 0; i < bins.size && result_.widest <= widest_expanded; ++i) {
      const auto n = static_cast<std::size_t>(bins.counts[i]);
      sort_bin(keys, scratch, n, bin_bits_);
      add_sorted_bin(keys, n);
      keys += n;
    }
    finish();
  }

  void add_all_sorted(const Key* keys, std::size_t n) {
    for (std::size_t begin = 0, end = 0; begin < n && result_.widest <= widest_expanded;
         begin = end) {
      const Key bin = keys[begin] >> bin_bits_;
      while (end < n && keys[end] >> bin_bits_ == bin) {
        ++end;
      }
      add_sorted_bin(keys + begin, end - begin);
    }
    finish();
  }

 private:
  void add_sorted_bin(const Key* keys, std::size_t n) {
    std::uint64_t distinct = 1;
    for (std::size_t i = 1; i < n; ++i) {
      distinct += keys[i] != keys[i - 1] ? 1 : 0;
    }
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
    const double width = static_cast<double>(std::uint64_t{1} << bin_bits_) * unit;
    result_.widest = std::max(result_.widest, n > 1 ? width : 0.0);
    if (!(result_.widest <= widest_expanded)) {
      return;
    }
    const double square = run.uu / weight * unit * unit;
    const double cube = run.uuu / weight * unit * unit * unit;
    // y = y_mid + y' t/n + y'' (t/n)^2/2 across the bin
    const auto all = static_cast<double>(sums_.n());
    const double slope = 0.5 * (before_.slope + after.slope);
    const double curvature = (after.slope - before_.slope) / weight;  // y''/n
    const double product = (run.ut * slope + 0.5 * run.utt * curvature) / (weight * all) * unit;
    // ln(1 + d) = d - d^2/2 + d^3/3
    note({weight, cube / 3 - square / 2, (after.cumulative - before_.cumulative) / weight}, mean);
    if (n > 1) {
      result_.inner_xx += weight * square;
      result_.inner_xy += weight * product;
      const double turn = std::fabs(after.bend - before_.bend) * (weight / all) * (weight / all);
      result_.bend += weight * width / 2 * turn / 4;
    }
    before_ = after;
  }

  // A point whose X is still to be counted from the bin's mean.
  void note(const PlotPoint& point, double mean) {
    if (first_ == 0) {
      first_ = mean;
      result_.unit = scaled(mean);
    }
    mean_[waiting_] = mean;
    point_[waiting_] = point;
    if (++waiting_ == block) {
      add_waiting();
    }
  }

  void add_waiting() {
    double x[block];
    log_ratios(dtype_, mean_, waiting_, first_, x);
    for (std::size_t i = 0; i < waiting_; ++i) {
      points_.add(point_[i].weight, point_[i].x + x[i], point_[i].y);
    }
    waiting_ = 0;
  }

  void finish() {
    add_waiting();
    points_.finish();
    result_.moments.xx += result_.inner_xx;
    result_.moments.xy += result_.inner_xy;
  }

  static constexpr std::size_t block = 512;

  DType dtype_;
  const HazenSums& sums_;
  Window window_;
  BatchMoments& result_;
  int bin_bits_ = binned_dropped_bits(dtype_);
  std::uint64_t rank_ = 0;
  HazenSums::Boundary before_{};
  PlotPoints points_;
  double first_ = 0;  // the unit of X
  std::size_t waiting_ = 0;
  double mean_[block];
  PlotPoint point_[block];
};

}  // namespace

template <class Key>
void expand_bins(DType dtype, const Batch& batch, Key* keys, const BinCounts& bins, Key* scratch,
                 const BatchTask& task, BatchMoments& result) {
  BinExpansion<Key>(dtype, batch, task, result).add_all(keys, bins, scratch);
}

template <class Key>
void expand_sorted_bins(DType dtype, const Batch& batch, const Key* keys, const BatchTask& task,
                        BatchMoments& result) {
  BinExpansion<Key>(dtype, batch, task, result)
      .add_all_sorted(keys, static_cast<std::size_t>(batch.count));
}

template void expand_bins(DType, const Batch&, std::uint32_t*, const BinCounts&, std::uint32_t*,
                          const BatchTask&, BatchMoments&);
template void expand_bins(DType, const Batch&, std::uint64_t*, const BinCounts&, std::uint64_t*,
                          const BatchTask&, BatchMoments&);
template void expand_sorted_bins(DType, const Batch&, const std::uint32_t*, const BatchTask&,
                                 BatchMoments&);
template void expand_sorted_bins(DType, const Batch&, const std::uint64_t*, const BatchTask&,
                                 BatchMoments&);

}  // namespace weightgauge
