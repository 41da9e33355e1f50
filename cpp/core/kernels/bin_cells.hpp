// F32 counted in bins that share their exponent and 13 bits of the mantissa: of every bin the count
// and the sum of the low bits, so that its mean is known too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

constexpr int binned_mantissa_bits = 13;
constexpr int f32_dropped_bits = 23 - binned_mantissa_bits;
constexpr std::size_t f32_bins = std::size_t{1} << (31 - f32_dropped_bits);

// A cell holds the count above and the sum of the low bits below.
constexpr int packed_sum_bits = 36;
// More elements than this may overflow a cell's sum.
constexpr std::uint64_t packed_most = (1ULL << packed_sum_bits) >> f32_dropped_bits;
// Zeros, where they are many, have several cells behind those of the bins, so that none waits for
// the one before it.
constexpr std::size_t zero_cells = 8;
constexpr std::size_t all_cells = f32_bins + zero_cells;
// Counts of F32 that was BF16, by the upper 16 bits without the sign.
constexpr std::size_t upper_codes = std::size_t{1} << 15;

// What a stretch of F32 or F64 holds besides finite non-zero magnitudes.
struct WideExtremes {
  std::uint64_t zeros = 0;   // leading bits only: in bins they are counted
  std::uint64_t strays = 0;  // bins only: finite, not zero, and in the bin of the zeros
  std::uint64_t infs = 0;
  std::uint64_t nonfinite = 0;     // infs included
  std::uint64_t largest = 0;       // key of the largest finite magnitude
  std::uint64_t smallest = ~0ULL;  // key of the smallest non-zero magnitude, non-finite included
};

// One thread's tables. Those that only some data need are made when a block needs them.
struct BinCells {
  std::uint64_t* cells = nullptr;       // all_cells
  std::uint64_t* more_cells = nullptr;  // the same, for every other item of crowded data
  std::uint32_t* codes = nullptr;       // upper_codes
  WideExtremes extremes;
  void* owner = nullptr;
  void (*make_more_cells)(void* owner) = nullptr;
  void (*make_codes)(void* owner) = nullptr;
};

}  // namespace weightgauge
