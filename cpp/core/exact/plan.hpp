// What is sorted of a slice for its exact fit, and in which parts.
#pragma once

#include <cstdint>
#include <vector>

#include "core/exact/batch.hpp"
#include "core/fit/window.hpp"

namespace weightgauge {

// Whether magnitudes outside the window are wanted as well: where zeros leave no window, where all
// lie in two bins at most, have not been counted in the usual bins, or lie in bins that do not tell
// their root mean square.
bool wants_all(const Histogram& leading, const Window& window);
// Batches that cover the magnitudes inside the window, or all where these are wanted. There are at
// least a few batches, so that several threads find work. They depend on the data alone, never on
// the threads. The `censored` zeros have ranks below all of them.
std::vector<Batch> plan_exact(const Histogram& leading, const Window& window,
                              std::uint64_t censored = 0);
// The largest difference of X = ln |w| that batches leave room for.
double extent_of(const std::vector<Batch>& batches, DType dtype);
// For magnitudes counted by their leading bits: how many low bits the narrowest bins leave out of
// which there cannot be more than `most`. They are never narrower than the usual bins.
int bins_within(const Histogram& leading, std::size_t most);
// Divides the batches into groups, each of which is found in one pass over the elements, and
// returns where the groups end. A group is as large as memory allows, but there are at least
// `groups` of them where there are batches enough.
std::vector<std::size_t> group_batches(const std::vector<Batch>& batches, DType dtype,
                                       std::size_t groups);

}  // namespace weightgauge
