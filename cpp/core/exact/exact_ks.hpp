// The exact Kolmogorov-Smirnov distance of F32 and F64 slices too large to sort at once.
#pragma once

#include "core/exact/gather.hpp"
#include "core/fit/ks.hpp"

namespace weightgauge {

// sup |F_n - F| over the magnitudes themselves. The bins bound the distance inside each of them;
// only where that bound exceeds what is already reached are the elements looked at again. The
// `censored` zeros count as below all bins.
double exact_ks(const ByteSource& source, const View& view, const Histogram& bins,
                std::uint64_t censored, double k, LogScale lambda, ReadBuffer& buffer,
                SortSpace& space, const Control& control);

}  // namespace weightgauge
