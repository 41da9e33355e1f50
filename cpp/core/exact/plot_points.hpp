// The points of one batch's plot, joined until they are few enough to be kept.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/exact/batch_moments.hpp"

namespace weightgauge {

// Adds up points in the order of their magnitudes, centred block by block. Where they are many, it
// joins neighbours to stretches of about 1/16,384 of all elements, never across a gap that is wide
// beside the others: the standard errors depend on where a gap begins.
class PlotPoints {
 public:
  PlotPoints(const BatchTask& task, BatchMoments& result)
      : least_weight_(static_cast<double>(task.sums.n()) / wanted_points),
        least_gap_(task.extent / wide_gaps),
        result_(result) {}

  void add(double weight, double x, double y) {
    weight_[used_] = weight;
    x_[used_] = x;
    y_[used_] = y;
    if (++used_ == block) {
      add_block();
    }
  }

  // After the last point: now all of them are in the result.
  void finish() {
    add_block();
    join();
    result_.points.shrink_to_fit();  // one of many batches
  }

 private:
  static constexpr std::size_t block = 512;
  static constexpr std::size_t most_points = 65536;  // more than are left after joining them
  static constexpr double wanted_points = 16384;
  static constexpr double wide_gaps = 4096;           // of which there can be so many in all
  static constexpr double wide_gaps_of_batch = 1024;  // and in one batch

  void add_block() {
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
      result_.points.push_back({weight_[i], x_[i], y_[i]});
    }
    used_ = 0;
    if (result_.points.size() >= most_points) {
      join();
    }
  }

  void join() {
    std::vector<PlotPoint>& points = result_.points;
    if (points.empty()) {
      return;
    }
    const double extent = points.back().x - points.front().x;
    const double gap = std::max(extent / wide_gaps_of_batch, least_gap_);
    std::size_t last = 0;  // of the points that are left
    double end = points[0].x;
    for (std::size_t i = 1; i < points.size(); ++i) {
      const PlotPoint next = points[i];
      PlotPoint& point = points[last];
      if (point.weight + next.weight <= least_weight_ && next.x - end <= gap) {
        point.weight += next.weight;
        point.x += (next.x - point.x) * (next.weight / point.weight);
        point.y += (next.y - point.y) * (next.weight / point.weight);
      } else {
        points[++last] = next;
      }
      end = next.x;
    }
    points.resize(last + 1);
  }

  double least_weight_;
  double least_gap_;
  BatchMoments& result_;
  std::size_t used_ = 0;
  double weight_[block];
  double x_[block];
  double y_[block];
};

}  // namespace weightgauge
