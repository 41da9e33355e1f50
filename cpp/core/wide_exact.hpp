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
// Only the bins that hold one of the ranks (0-based, ascending).
std::vector<Batch> plan_ranks(const Histogram& leading, const std::vector<std::uint64_t>& ranks);
// Magnitudes at those of the ranks that fall into the batch.
std::vector<double> batch_magnitudes(const Source& source, const View& view, const Batch& batch,
                                     const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                     SortSpace& space, const Control& control);

// sup |F_n - F| over the magnitudes themselves. The bins bound the distance inside each of them;
// only where that bound exceeds what is already reached are the elements looked at again.
double exact_ks(const Source& source, const View& view, const Histogram& bins, double k,
                LogScale lambda, ReadBuffer& buffer, SortSpace& space, const Control& control);

}  // namespace weightgauge
