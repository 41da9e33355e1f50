// Exact quantiles of F32 and F64 slices too large to sort at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/exact/gather.hpp"

namespace weightgauge {

// The bins that hold one of the ranks (0-based, ascending), each a batch.
std::vector<Batch> plan_ranks(const Histogram& bins, const std::vector<std::uint64_t>& ranks);

// Up to so many bins are picked one after the other from what is in the first-level cache; of more,
// each element is looked up.
constexpr std::size_t most_picked = 6;

// Magnitudes at those of the ranks that fall into one of several batches, which are bins that leave
// out `bin_bits` of their keys. Their keys are found in one pass, and no others are sorted.
std::vector<double> magnitudes_of_ranks(const Source& source, const View& view,
                                        const Batch* batches, std::size_t n_batches, int bin_bits,
                                        const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                        SortSpace& space, const Control& control);

}  // namespace weightgauge
