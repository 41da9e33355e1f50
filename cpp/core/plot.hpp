// The Weibull probability plot of one slice: y = ln(-ln(1 - p)) against X = ln |w|, in the window.
#pragma once

#include <cstdint>
#include <vector>

#include "core/hazen.hpp"
#include "core/histogram.hpp"
#include "core/ks.hpp"
#include "core/moments.hpp"

namespace weightgauge {

// What is unknown about the elements of one bin, with d = (|w| - mean)/mean for each of them.
struct BinUnknowns {
  double width;       // of the bin, relative to its mean
  double variance;    // of d: as assumed (evenly placed elements, Sheppard's correction)
  double most;        //       and the largest it can be (Bhatia and Davis)
  double covariance;  // of d and y: as assumed
  double rise;        // of y across the bin
  double bend;        // most that y departs from a straight line between the bin's ends
  double edge;        // |error| of X at most: where the window's end cuts a bin, and F64's means
};

struct Plot {
  Scaled unit{};  // X = ln(|w| / unit), with a magnitude from the middle of the data

  // Points, ascending: one for each histogram entry, or stretch of ranks, inside the window.
  std::vector<double> x;       // mean of X over the point's ranks inside the window
  std::vector<double> y;       // mean of y over them
  std::vector<double> weight;  // their number
  std::vector<double> count;   // elements of the entry, inside the window or not
  double below = 0;            // elements below the first point's
  double next_x = 0;  // X of the entry above the last point; the last point's own if there is none

  Moments moments;

  // Of an exact histogram: cumulative sums of y at the points' ends, and before the first.
  std::vector<double> sums;
  // Of every entry, inside the window or not: X (of exact histograms only) and ranks.
  EntryPlaces entries;

  // Of a histogram of bins: one for each point. Otherwise empty.
  std::vector<BinUnknowns> unknowns;
};

// Fills `plot`, whose memory is used again.
void probability_plot(const Histogram& histogram, const HazenSums& sums, Plot& plot);

}  // namespace weightgauge
