// The points of one batch: far too many to be kept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/batch_sums.hpp"

namespace weightgauge {

// Adds up points in the order of their magnitudes, centred block by block, and joins them to
// stretches of about 1/16,384 of all elements.
class PointSums {
 public:
  // `elements` in all batches.
  PointSums(std::uint64_t elements, BatchSums& result)
      : least_weight_(static_cast<double>(elements) / wanted_points), result_(result) {}
  ~PointSums() { finish(); }
  PointSums(const PointSums&) = delete;
  PointSums& operator=(const PointSums&) = delete;

  void add(double weight, double x, double y) {
    weight_[used_] = weight;
    x_[used_] = x;
    y_[used_] = y;
    if (++used_ == block) {
      finish();
    }
  }

  // What has been added so far is in the result.
  void finish() {
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
    result_.moments.merge(moments);
    for (std::size_t i = 0; i < used_; ++i) {
      lengthen(weight_[i], x_[i], y_[i]);
    }
    used_ = 0;
  }

 private:
  static constexpr std::size_t block = 512;
  static constexpr double wanted_points = 16384;

  void lengthen(double weight, double x, double y) {
    std::vector<PlotPoint>& points = result_.points;
    if (points.empty() || points.back().weight >= least_weight_) {
      points.push_back({0, 0, 0});
    }
    PlotPoint& point = points.back();
    point.weight += weight;
    point.x += (x - point.x) * (weight / point.weight);
    point.y += (y - point.y) * (weight / point.weight);
  }

  double least_weight_;
  BatchSums& result_;
  std::size_t used_ = 0;
  double weight_[block];
  double x_[block];
  double y_[block];
};

}  // namespace weightgauge
