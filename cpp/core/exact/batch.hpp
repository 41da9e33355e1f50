// Parts of the sorted order of F32 and F64 magnitudes, each small enough to be sorted at once.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Magnitude keys from the first to the last.
struct KeyRange {
  std::uint64_t first;
  std::uint64_t last;  // included
};

// A part of the sorted order: `count` magnitudes whose keys lie in `range`, preceded by
// `rank_before` smaller ones.
struct Batch {
  KeyRange range;
  std::uint64_t count;
  std::uint64_t rank_before;
};

// Up to this many keys are sorted at a time: 16 MiB of keys and as much of scratch space.
constexpr std::size_t batch_bytes = std::size_t{16} << 20;
inline std::uint64_t batch_limit(DType dtype) { return batch_bytes / item_bytes(dtype); }

// The keys that a bin stands for. Bin 0 also holds the key of zero, and the last bin may reach into
// the non-finite keys: these are left out.
inline KeyRange bin_range(const Histogram& bins, std::size_t i) {
  const int dropped = bins.dropped_bits;
  const std::uint64_t first = bins.keys[i] << dropped;
  return {std::max<std::uint64_t>(first, 1),
          std::min<std::uint64_t>(first | ((1ULL << dropped) - 1),
                                  first_nonfinite_key(bins.dtype) - 1)};
}

// Consecutive bins (counts[i] keys with key >> shift == i + (range.first >> shift)) grouped into
// batches of at most `limit` keys; a fuller bin is a batch of its own. Empty stretches are skipped.
std::vector<Batch> plan_batches(const std::vector<std::uint64_t>& counts, KeyRange range, int shift,
                                std::uint64_t limit, std::uint64_t rank_before);

}  // namespace weightgauge
