// F32 and F64 counted in bins that share their exponent and 13 bits of the mantissa: of every bin
// the count and the sum of the low bits, so that its mean is known too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

constexpr int binned_mantissa_bits = 13;

// Exponents of 8 bits: all of F32's; of F64's the magnitudes from 2^-191 up to 2^65.
constexpr std::size_t bin_cells = std::size_t{1} << (8 + binned_mantissa_bits);
// Cells that follow those of the bins: items of F64 without a bin, zeros among them; and zeros
// where they are many, in several cells, so that none waits for the one before it.
constexpr std::size_t outside_cell = bin_cells;
constexpr std::size_t zero_cell = bin_cells + 1;
constexpr std::size_t zero_cells = 8;
constexpr std::size_t all_cells = zero_cell + zero_cells;

// A cell holds the count above and the sum of the low bits below.
template <class KeyType, int DroppedBits, int LostBits, int SumBits, std::uint64_t FirstBin,
          std::size_t SharedCell>
struct BinLayout {
  using Key = KeyType;
  static constexpr int dropped_bits = DroppedBits;  // low bits of a key that the bin leaves out
  static constexpr int lost_bits = LostBits;        // of those, not even summed
  static constexpr int sum_bits = SumBits;
  static constexpr std::uint64_t one = std::uint64_t{1} << SumBits;
  static constexpr std::uint64_t first_bin = FirstBin;    // has the first cell
  static constexpr std::size_t shared_cell = SharedCell;  // zeros, and what has no cell of its own
  // More items than this could overflow the sum or the count of a cell.
  static constexpr std::uint64_t most_items = std::uint64_t{1}
                                              << (SumBits - (DroppedBits - LostBits));
  static_assert(most_items <= std::uint64_t{1} << (63 - SumBits));
};
using F32Layout = BinLayout<std::uint32_t, 23 - binned_mantissa_bits, 0, 36, 0, 0>;
// F64 gives up the lowest 22 bits: a bin's mean is known to 2^-31 of itself.
constexpr std::uint64_t f64_first_bin = (std::uint64_t{1023} - 191) << binned_mantissa_bits;
using F64Layout =
    BinLayout<std::uint64_t, 52 - binned_mantissa_bits, 22, 40, f64_first_bin, outside_cell>;

// Counts of F32 that was BF16, by the upper 16 bits without the sign.
constexpr std::size_t upper_codes = std::size_t{1} << 15;

// What a stretch of F32 or F64 holds besides its bins.
struct WideExtremes {
  std::uint64_t zeros = 0;   // leading bits only: in bins they are counted
  std::uint64_t strays = 0;  // bins only: not zero, but counted in the cell of the zeros
  std::uint64_t beyond = 0;  // bins of F64 only: finite, not zero, and without a bin
  std::uint64_t infs = 0;
  std::uint64_t nonfinite = 0;     // infs included
  std::uint64_t bits = 0;          // bins only: the keys of finite magnitudes, one over the other
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
