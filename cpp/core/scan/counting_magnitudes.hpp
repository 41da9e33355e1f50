// The phases that count each magnitude of a slice of F32 or F64 that has few of them, or of its
// crowded bins.
#pragma once

#include <memory>

#include "core/scan/counted_slice.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Whether the slice may have so few magnitudes, by its bins.
bool may_have_few_magnitudes(const Histogram& histogram);

// Weights on a few levels, of which each row or block has others because it has a scale of its own,
// fill their bins with a few magnitudes each. They are counted in tables of keys: sorting as many
// equal keys would take much longer. A slice that turns out to have more magnitudes is sorted after
// all; that is known after as many elements as tables hold keys.
std::unique_ptr<Phase> count_magnitudes(const Slice& slice, Method method, CountedSlice counted);

// Whether some bins are so crowded that a fit from bins leaves too much open: one value among many
// weights, as padding is.
bool has_crowded_bins(const Histogram& histogram);

// The same for crowded bins alone, for a fit from these magnitudes and all other bins.
std::unique_ptr<Phase> part_crowded_bins(const Slice& slice, Method method, CountedSlice counted);

}  // namespace weightgauge
