// Counts of F64 magnitudes by their leading bits: coarse, but there is a cell for every magnitude.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/bin_cells.hpp"

namespace weightgauge {

constexpr int leading_bits = 16;  // of the magnitude key

// Adds to counts[65536] and to all of `extremes` but the smallest. Items need not be aligned.
void count_f64_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes);

}  // namespace weightgauge
