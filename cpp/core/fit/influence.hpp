// By how much each element moves k and ln lambda.
#pragma once

#include <cstdint>
#include <vector>

#include "core/fit/probability_plot.hpp"

namespace weightgauge {

// The influence of an element is that of its magnitude's point: how far the estimate moves, times
// n, for one more element of that magnitude. Influences are centred over all elements.
class Influences {
 public:
  struct Pair {
    double k;
    double ln_lambda;
  };

  // From the points of a fit. `k` is the slope of its line.
  void make(const Plot& plot, std::uint64_t n, double k);

  // Standard errors of both for independent elements.
  Pair errors() const { return errors_; }
  // The influence of the elements of one point of the plot.
  Pair of_point(std::size_t point) const {
    return {mean_.k - g_[point], mean_.ln_lambda - g_[points_ + point]};
  }
  // All below the window are as the first point, all above it as the last.
  std::size_t points() const { return points_; }
  // That of zeros that have ranks (see Zeros::censor); of all others it is not asked for.
  Pair of_zero() const { return of_zero_; }

 private:
  std::size_t points_ = 0;
  Pair of_zero_{};
  Pair mean_{};
  Pair errors_{};
  std::vector<double> g_;  // for each point that of k, then that of ln lambda
};

// The influences of any magnitudes: straight lines between those of the plot's points, against
// ln |w|. At a magnitude that was counted on its own the influence is exact.
class InfluenceCurve {
 public:
  // Values are `scale` times the magnitudes that were counted.
  InfluenceCurve(const Plot& plot, const Influences& influences, double scale);
  // 0 for zero and for what is not finite: such elements are not fitted.
  Influences::Pair at(double magnitude) const;

 private:
  // Places are found through a table of equal steps of X, and a few comparisons.
  static constexpr std::size_t steps = 4096;
  double log_unit_;
  double per_step_ = 0;
  std::vector<double> x_;
  std::vector<Influences::Pair> influence_;
  std::vector<std::uint32_t> begin_;  // of each step: the last point at or below its beginning
};

}  // namespace weightgauge
