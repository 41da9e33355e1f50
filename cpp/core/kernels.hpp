// The loops that touch every weight. Input need not be aligned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/paper.hpp"

namespace weightgauge {

// 16-bit formats: counts[32768] by magnitude code (the sign bit is dropped).
void count_16_bit(const std::byte* items, std::size_t n, std::uint32_t* counts);

// Formats of a byte and less: counts[8][256] by raw code; the sum over the eight is the count.
constexpr std::size_t byte_tables = 8;
void count_bytes(const std::byte* items, std::size_t n, std::uint32_t* counts);

// What a stretch of F32 or F64 holds besides finite non-zero magnitudes.
struct WideExtremes {
  std::uint64_t zeros = 0;
  std::uint64_t infs = 0;
  std::uint64_t nonfinite = 0;     // infs included
  std::uint64_t largest = 0;       // key of the largest finite magnitude
  std::uint64_t smallest = ~0ULL;  // key of the smallest non-zero magnitude, non-finite included
};

// F32 in bins of 14 mantissa bits, one 64-bit cell a bin: the count above, the sum of the low bits
// below. Zeros and non-finite elements are counted in their bins too: the extremes tell them apart.
constexpr int packed_sum_bits = 36;
constexpr int f32_dropped_bits = 23 - binned_mantissa_bits;
constexpr std::size_t f32_bins = std::size_t{1} << (31 - f32_dropped_bits);
// More elements than this may overflow a cell's sum.
constexpr std::uint64_t packed_most = (1ULL << packed_sum_bits) >> f32_dropped_bits;
void count_f32_bins(const std::byte* items, std::size_t n, std::uint64_t* packed,
                    WideExtremes& extremes);

// F32 and F64 by the 16 leading bits of the magnitude key: counts[65536].
constexpr int leading_bits = 16;
void count_f32_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes);
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
