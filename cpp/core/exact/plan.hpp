// What is sorted of a slice for its exact fit, and in which parts.
#pragma once

#include <cstdint>
#include <vector>

#include "core/exact/batch.hpp"
#include "core/fit/window.hpp"

namespace weightgauge {

// Batches over the magnitudes that the window wants, or over all where they are in two bins at most
// or counted by their leading bits only. At least a few of them, so that several threads find work.
// They depend on the data alone, never on the threads.
std::vector<Batch> plan_exact(const Histogram& leading, const Window& window);
// How far apart X can be in them.
double extent_of(const std::vector<Batch>& batches, DType dtype);
// The narrowest bins, not below the usual ones, of which there cannot be more than so many, for
// what has been counted by its leading bits: the bits that they leave out.
int bins_within(const Histogram& leading, std::size_t most);
// How many batches, one after the other, are found in one pass over the elements: the ends of the
// groups. As many as may be in memory, and at least so many groups where there are batches enough.
std::vector<std::size_t> group_batches(const std::vector<Batch>& batches, DType dtype,
                                       std::size_t groups);

}  // namespace weightgauge
