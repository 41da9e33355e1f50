// The keys that a bin of F32 or F64 stands for.
#pragma once

#include <algorithm>

#include "core/exact/gather.hpp"
#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Bin 0 also holds the key of zero, and the last bin may reach into the non-finite keys: these are
// left out.
inline KeyRange bin_range(const Histogram& bins, std::size_t i) {
  const int dropped = bins.dropped_bits;
  const std::uint64_t first = bins.keys[i] << dropped;
  return {std::max<std::uint64_t>(first, 1),
          std::min<std::uint64_t>(first | ((1ULL << dropped) - 1),
                                  first_nonfinite_key(bins.dtype) - 1)};
}

}  // namespace weightgauge
