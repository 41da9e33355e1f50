// What the sorted order of one batch of magnitudes adds to the exact fit.
#pragma once

#include <cstdint>
#include <vector>

#include "core/hazen.hpp"
#include "core/moments.hpp"
#include "core/select.hpp"

namespace weightgauge {

// A stretch of ranks: their number, and the means of X and y over them.
struct PlotPoint {
  double weight;
  double x;
  double y;
};

struct BatchSums {
  explicit BatchSums(DType dtype) : bins(dtype) {}
  Scaled unit{};    // a magnitude of the batch's own:
  Moments moments;  // of X = ln(|w|/unit) and y over the ranks inside the window
  // The same in bins, or in stretches of about 1/16,384 of all elements where bins are too coarse:
  // for the standard errors.
  std::vector<PlotPoint> points;
  Histogram bins;  // the batch's magnitudes in bins, where they have not been counted so yet
  std::uint64_t distinct = 0;
  // Where the sums are made bin by bin, by expansion around each bin's mean: the widest bin, what
  // bins add to xx and xy, and what that may be off in xy because y is not a parabola.
  double widest = 0;
  double inner_xx = 0;
  double inner_xy = 0;
  double bend = 0;
};

// For each of several batches, whose keys are found in one pass. `counted` is what the batches were
// planned from. With `quick`, sums bin by bin: the error is a share `widest` of what is inside the
// bins. Otherwise, or where a bin holds more than can be sorted at once, magnitude by magnitude.
std::vector<BatchSums> sum_batches(const Source& source, const View& view, const Batch* batches,
                                   std::size_t n, const Histogram& counted, const HazenSums& sums,
                                   bool quick, ReadBuffer& buffer, SortSpace& space,
                                   const Control& control);

}  // namespace weightgauge
