// Moments of very many points.
#pragma once

#include <cstddef>

#include "core/moments.hpp"

namespace weightgauge {

// Adds up points in the order of their magnitudes, centred block by block.
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

}  // namespace weightgauge
