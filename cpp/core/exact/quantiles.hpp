// Exact quantiles of F32 and F64 slices too large to sort at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/exact/gather.hpp"

namespace weightgauge {

// The bins that hold one of the ranks (0-based, ascending), each a batch.
std::vector<Batch> plan_ranks(const Histogram& bins, const std::vector<std::uint64_t>& ranks);

// Up to so many bins pick their keys one after the other from a block in the first-level cache.
// Where there are more bins, a table tells of each element whether its bin is wanted.
constexpr std::size_t most_picked = 6;

// The magnitudes at those of the ranks that fall into one of several batches. The batches are bins,
// whose keys differ in their `bin_bits` low bits only. One pass finds their keys, and no others are
// sorted.
std::vector<double> magnitudes_of_ranks(const ByteSource& source, const View& view,
                                        const Batch* batches, std::size_t n_batches, int bin_bits,
                                        const std::vector<std::uint64_t>& ranks, ReadBuffer& buffer,
                                        SortSpace& space, const Control& control);

}  // namespace weightgauge
