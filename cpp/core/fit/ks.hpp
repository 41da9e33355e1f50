// Kolmogorov-Smirnov distance between the magnitudes counted and a Weibull distribution.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Of every entry of a histogram: X = ln(|w| / unit), of exact histograms only, and the elements up
// to it, its own included, and so are censored ones below all entries.
struct EntryPlaces {
  std::vector<double> x;
  std::vector<std::uint64_t> ranks;
};

// The scale lambda as unit exp(offset), with the unit a magnitude of the data's own size: where
// magnitudes differ in their last digits only, ln |w| - ln lambda would cancel.
struct LogScale {
  Scaled unit;
  double offset;
};
// The scale itself: the offset alone may be beyond the range of exp.
double scale_value(LogScale lambda);
double weibull_cdf(Scaled magnitude, double k, LogScale lambda);

// sup |F_n - F| over all magnitudes, both sides of every jump; of censored elements F_n tells from
// the lowest magnitude on, and only there they are compared. Exact where the histogram is,
// otherwise taken at the edges of the bins, which is a lower bound.
struct KsDistance {
  double distance;
  double shortfall;  // by how much it may be too small; 0 where exact
};
KsDistance ks_distance(const Histogram& histogram, double k, LogScale lambda);
// The same with the places of the entries at hand, X relative to lambda.unit, and memory to work
// in.
KsDistance ks_distance(const Histogram& histogram, const EntryPlaces& places, double k,
                       LogScale lambda, std::vector<double>& memory);

// Of bins: the largest distance at their edges, and the bins inside which there may be a larger
// one, ascending.
struct Contender {
  std::size_t bin;
  double most;  // no distance inside is larger
};
struct EdgeDistances {
  double largest = 0;
  std::vector<Contender> contenders;
};
EdgeDistances edge_distances(const Histogram& bins, const std::vector<std::uint64_t>& ranks,
                             double k, LogScale lambda);

}  // namespace weightgauge
