// The exact fit, and exact quantiles, of F32 and F64 slices too large to sort at once.
#pragma once

#include <cstdint>
#include <vector>

#include "core/select.hpp"
#include "core/weibull.hpp"

namespace weightgauge {

// Batches over the non-zero finite magnitudes counted by their leading bits. At least a few of
// them, so that several threads find work. They depend on the data alone, never on the threads.
std::vector<Batch> plan_exact(const Histogram& leading);
// Only the leading bins that hold one of the ranks (0-based, ascending).
std::vector<Batch> plan_ranks(const Histogram& leading, const std::vector<std::uint64_t>& ranks);
// A stretch of ranks: their number, and the means of X and y over them.
struct PlotPoint {
  double weight;
  double x;
  double y;
};
// What the sorted order of one batch adds to the fit.
struct BatchSums {
  explicit BatchSums(DType dtype) : bins(dtype) {}
  Scaled unit{};    // the batch's first magnitude inside the window:
  Moments moments;  // of X = ln(|w|/unit) and y over the ranks inside the window
  // The same in stretches of ranks of about 1/16,384 of all elements: for the standard errors, for
  // which bins are too coarse where magnitudes differ in their last digits only.
  std::vector<PlotPoint> points;
  Histogram bins;  // the batch's magnitudes in bins
  std::uint64_t distinct = 0;
};

BatchSums sum_batch(const Source& source, const View& view, const Batch& batch,
                    const HazenSums& sums, ReadBuffer& buffer, SortSpace& space,
                    const Control& control);

// Magnitudes at those of the ranks that fall into the batch.
std::vector<double> batch_magnitudes(const Source& source, const View& view, const Batch& batch,
                                     const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                     SortSpace& space, const Control& control);

// sup |F_n - F| over the magnitudes themselves. The bins bound the distance inside each of them;
// only where that bound exceeds what is already reached are the elements looked at again.
double exact_ks(const Source& source, const View& view, const Histogram& bins, double k,
                LogScale lambda, ReadBuffer& buffer, SortSpace& space, const Control& control);

}  // namespace weightgauge
