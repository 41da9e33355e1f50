// Weighted means and centred second moments of (X, y), mergeable without loss of precision.
#pragma once

namespace weightgauge {

struct Moments {
  double weight = 0;
  double mean_x = 0;
  double mean_y = 0;
  double xx = 0;  // sum of (X - mean_x)^2
  double xy = 0;  // sum of (X - mean_x)(y - mean_y)

  // Chan, Golub and LeVeque's pairwise update: centred sums never cancel.
  void merge(const Moments& other) {
    if (other.weight == 0) {
      return;
    }
    const double total = weight + other.weight;
    const double dx = other.mean_x - mean_x;
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
