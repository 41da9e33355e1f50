// The phase that counts each magnitude of a slice of F32 or F64 that has few of them.
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

}  // namespace weightgauge
