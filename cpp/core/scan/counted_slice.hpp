// What follows from the counts of a slice: its numbers, or that it must be read again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/count/counting_table.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// A slice of which every item has been counted.
struct CountedSlice {
  Histogram histogram;
  PaperCounts paper;  // may be empty: then they are made from an exact histogram
  // The same with each magnitude of crowded bins by itself, for the fit; empty where not made.
  std::optional<Histogram> parted = std::nullopt;
};

// Fills the slice's result where its counts suffice for what is wanted, and returns null. Otherwise
// returns the phase that looks at the slice once more. `method` is how it was counted.
std::unique_ptr<Phase> finish_counting(const Slice& slice, Method method, CountedSlice counted,
                                       Workspace& workspace);

// The phase that counts a slice by magnitude where it may have few of them, or sorts it.
std::unique_ptr<Phase> count_or_sort(const Slice& slice, Method method, CountedSlice counted,
                                     int workers);

// The phase that parts the crowded bins of a slice where a fit from bins is wanted, or sorts it.
std::unique_ptr<Phase> part_or_sort(const Slice& slice, Method method, CountedSlice counted,
                                    int workers);

// The phase that sorts a slice in batches, by what its counts tell of where its magnitudes lie.
std::unique_ptr<Phase> sort_in_batches(const Slice& slice, Method method, CountedSlice counted,
                                       int workers);

// Puts n, the largest magnitudes, the root mean square and what is not finite into the result. The
// root mean square is made from the histogram where it is not known.
void note_totals(const Histogram& histogram, SliceResult& result,
                 std::optional<double> rms = std::nullopt);

// The ranks (from 0) of the quantiles wanted, ascending.
std::vector<std::uint64_t> ranks_in_order(const std::vector<double>& probabilities,
                                          std::uint64_t n);
// The quantiles, given ascending, in the order of their probabilities. Throws DataChanged where
// some are missing.
std::vector<double> in_order_of(const std::vector<double>& probabilities,
                                const std::vector<double>& ascending);

}  // namespace weightgauge
