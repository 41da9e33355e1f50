// What the sorted order of one batch of magnitudes adds to the exact fit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/exact/gather.hpp"
#include "core/fit/hazen.hpp"
#include "core/fit/moments.hpp"
#include "core/fit/probability_plot.hpp"

namespace weightgauge {

// A stretch of ranks: their number, and the means of X and y over them.
struct PlotPoint {
  double weight;
  double x;
  double y;
};

struct BatchMoments {
  explicit BatchMoments(DType dtype) : bins(dtype) {}
  Scaled unit{};                  // a magnitude of the batch's own:
  Moments moments;                // of X = ln(|w|/unit) and y over the ranks inside the window
  std::vector<PlotPoint> points;  // these or stretches of them, for the standard errors
  std::uint64_t distinct = 0;
  // Of moments made bin by bin, by expansion around each bin's mean: the width of the widest bin
  // beside its mean; what the spread inside the bins adds to xx and xy; and by how much xy may be
  // off because y is not a parabola.
  double widest = 0;
  double inner_xx = 0;
  double inner_xy = 0;
  double bend = 0;
  // Only where they are wanted, of all elements of the batch: the sum of (|w|/most)^2, `most` being
  // the largest magnitude that the batch may hold, and the elements in bins, of which `top` are the
  // last.
  double most = 0;
  double squares = 0;
  Histogram bins;
};

// What is wanted of batches, and what is known already.
struct BatchTask {
  const Histogram& counted;  // what they were planned from
  const HazenSums& sums;
  // Whether moments are made bin by bin: their error is a share `widest` of what the spread inside
  // the bins adds. Otherwise, or where a bin holds more than can be sorted at once, they are made
  // magnitude by magnitude.
  bool quick;
  bool squares;  // whether their sum is wanted
  // Low bits of a key that the bins to be made leave out; 0 where none are wanted. Only with
  // squares.
  int wanted_bins;
  double extent;  // of X over all batches, or more
};

// The moments of each of several batches, whose keys are found in one pass.
std::vector<BatchMoments> moments_of_batches(const ByteSource& source, const View& view,
                                             const Batch* batches, std::size_t n,
                                             const BatchTask& task, ReadBuffer& buffer,
                                             SortSpace& space, const Control& control);

// What all batches of a slice are together.
using AllMoments = std::vector<std::optional<BatchMoments>>;  // each has a value

// The points of all batches, one after the other.
Plot plot_of(const AllMoments& batches);
// Root mean square, from the squares of all elements, and how many they are, zeros included.
double rms_of(const AllMoments& batches, std::uint64_t elements);
// What has been counted by its leading bits, in the bins that the batches have found.
Histogram binned_again(const Histogram& leading, int dropped_bits, const AllMoments& batches);

}  // namespace weightgauge
