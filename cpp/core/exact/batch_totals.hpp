// What all batches of a slice are together.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/exact/batch_moments.hpp"
#include "core/fit/probability_plot.hpp"

namespace weightgauge {

using AllSums = std::vector<std::optional<BatchSums>>;  // each has a value

// The points of all batches, one after the other.
Plot plot_of(const AllSums& batches);
// Root mean square, from the squares of all elements, and how many they are, zeros included.
double rms_of(const AllSums& batches, std::uint64_t elements);
// What has been counted by its leading bits, in the bins that the batches have found.
Histogram binned_again(const Histogram& leading, int dropped_bits, const AllSums& batches);

}  // namespace weightgauge
