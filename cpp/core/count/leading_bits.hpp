// The less travelled loops over weights, in portable code only. Input need not be aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/fit/paper.hpp"
#include "core/kernels/bin_cells.hpp"

namespace weightgauge {

// F64 by the 16 leading bits of the magnitude key: counts[65536].
constexpr int leading_bits = 16;
void count_f64_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes);

// The published protocol's bins; F64 is rounded to float32 first, as there.
void count_f32_paper(const std::byte* items, std::size_t n, const PaperBins& bins,
                     PaperCounts& counts);
void count_f64_paper(const std::byte* items, std::size_t n, const PaperBins& bins,
                     PaperCounts& counts);

// Bits of the float32 nearest to a magnitude, infinity where it is too large.
std::uint32_t float32_bits(double magnitude);

}  // namespace weightgauge
