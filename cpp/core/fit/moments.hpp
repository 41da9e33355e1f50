// Weighted means and centred second moments of (X, y), mergeable without loss of precision.
#pragma once

#include <cmath>

namespace weightgauge {

// Neumaier's compensated sum: as if added in twice the precision.
class CompensatedSum {
 public:
  void add(double term) {
    const double next = sum_ + term;
    correction_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - next) + term : (term - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + correction_; }

 private:
  double sum_ = 0;
  double correction_ = 0;
};

struct Moments {
  double weight = 0;
  double mean_x = 0;
  double mean_y = 0;
  double xx = 0;  // sum of (X - mean_x)^2
  double xy = 0;  // sum of (X - mean_x)(y - mean_y)

  // Chan, Golub and LeVeque's pairwise update: centred sums never cancel. The other's X may be
  // counted from elsewhere: `offset` is what makes it comparable.
  void merge(const Moments& other, double offset = 0) {
    if (other.weight == 0) {
      return;
    }
    const double total = weight + other.weight;
    const double dx = (other.mean_x - mean_x) + offset;
    const double dy = other.mean_y - mean_y;
    const double share = weight * (other.weight / total);
    mean_x += dx * (other.weight / total);
    mean_y += dy * (other.weight / total);
    xx += other.xx + dx * dx * share;
    xy += other.xy + dx * dy * share;
    weight = total;
  }
};

}  // namespace weightgauge
