// The sums of an exact fit, bin by bin, by expansion around each bin's mean.
#pragma once

#include "core/exact/batch_moments.hpp"
#include "core/exact/sort.hpp"

namespace weightgauge {

// Bins wider than this beside their means, such as those of subnormal magnitudes, are not expanded.
// The moments end there and are of no use; their `widest` tells so.
constexpr double widest_expanded = 0x1p-12;

// Adds all keys of a batch, which are in the order of their bins, finite and not zero; each bin is
// sorted on the way. `scratch` has room for the keys of any bin.
template <class Key>
void expand_bins(DType dtype, const Batch& batch, Key* keys, const BinCounts& bins, Key* scratch,
                 const BatchTask& task, BatchMoments& result);
// The same of keys that are sorted already.
template <class Key>
void expand_sorted_bins(DType dtype, const Batch& batch, const Key* keys, const BatchTask& task,
                        BatchMoments& result);

}  // namespace weightgauge
