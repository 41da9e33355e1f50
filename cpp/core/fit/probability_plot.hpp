// The Weibull probability plot of one slice: y = ln(-ln(1 - p)) against X = ln |w|, in the window.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/fit/hazen.hpp"
#include "core/fit/ks.hpp"
#include "core/fit/moments.hpp"
#include "core/histogram/histogram.hpp"
#include "core/kernels/bin_kernels.hpp"

namespace weightgauge {

// What is unknown about the elements of the bins inside the window.
struct PlotUnknowns {
  std::vector<double> numbers;  // of all bins, as BinUnknowns has them
  std::size_t bins = 0;
  double edge = 0;  // |error| of every X at most: F64's means
  // And that of the first and the last, where the window's end cuts a bin.
  double first_edge = 0;
  double last_edge = 0;

  void resize(std::size_t size) {
    bins = size;
    numbers.resize(std::max(numbers.size(), 6 * size));
  }
  BinUnknowns at(std::size_t bin) {
    double* const from = numbers.data() + bin;
    return {from, from + bins, from + 2 * bins, from + 3 * bins, from + 4 * bins, from + 5 * bins};
  }
};

struct Plot {
  Scaled unit{};  // X = ln(|w| / unit), with a magnitude from the middle of the data

  // Points, ascending: one for each histogram entry, or stretch of ranks, inside the window.
  std::vector<double> x;       // mean of X over the point's ranks inside the window
  std::vector<double> y;       // mean of y over them
  std::vector<double> weight;  // their number
  std::vector<double> count;   // elements of the entry, inside the window or not
  std::vector<double> end_y;   // y at the end of the point's ranks, or of the window's
  double below = 0;            // elements below the first point's
  bool cut_by_zeros = false;   // zeros reach into the window: those below are all zero, without X

  Moments moments;

  // Of every entry, inside the window or not: X (of exact histograms only) and ranks.
  EntryPlaces entries;

  // Of a histogram of bins: one for each point. Otherwise none.
  PlotUnknowns unknowns;
};

// A worker's memory for plots, kept from one to the next.
struct PlotSpace {
  std::vector<double> values;  // magnitudes of the entries, or means of the bins
  std::vector<double> sums;    // cumulative sums of y at the points' ends, and before the first
  std::vector<double> ends;    // y at these places
  std::vector<double> slopes;  // and y'
};

// Fills `plot`, whose memory is used again.
void probability_plot(const Histogram& histogram, const HazenSums& sums, Plot& plot,
                      PlotSpace& space);

}  // namespace weightgauge
