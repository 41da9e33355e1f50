// F32 and F64 are counted in bins. The numbers of a bin share their exponent and the upper 13 bits
// of their mantissa. A bin has a count and the sum of the remaining low bits, which gives its mean.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

constexpr int binned_mantissa_bits = 13;

// There are bins for 8 bits of exponent: for all magnitudes of F32, and for those of F64 from
// 2^-191 up to 2^65. The cell of a bin is bin % bin_cells: those of F64 from 2 on come first.
constexpr std::size_t bin_cells = std::size_t{1} << (8 + binned_mantissa_bits);
// More cells follow those of the bins: one for items of F64 without a bin, zeros included, and one
// for zeros that were counted apart, because they are many.
constexpr std::size_t outside_cell = bin_cells;
constexpr std::size_t zero_cell = bin_cells + 1;
constexpr std::size_t all_cells = zero_cell + 1;

// A cell holds the count in its upper bits and the sum of the items' low bits in its lower bits.
template <class KeyType, int DroppedBits, int LostBits, int SumBits, std::uint64_t FirstBin,
          std::size_t SharedCell>
struct BinLayout {
  using Key = KeyType;
  static constexpr int dropped_bits = DroppedBits;  // low bits of a key that do not tell the bin
  // And those that are zero where seven bits of the mantissa are enough.
  static constexpr int below_codes = DroppedBits + binned_mantissa_bits - 7;
  static constexpr int lost_bits = LostBits;  // the lowest of these, which are not summed
  static constexpr int sum_bits = SumBits;
  static constexpr std::uint64_t one = std::uint64_t{1} << SumBits;
  static constexpr std::uint64_t first_bin = FirstBin;    // the lowest one that has a cell
  static constexpr std::size_t shared_cell = SharedCell;  // of zeros and of items without a bin
  // More items than this could overflow the sum or the count of a cell.
  static constexpr std::uint64_t most_items = std::uint64_t{1}
                                              << (SumBits - (DroppedBits - LostBits));
  static_assert(most_items <= std::uint64_t{1} << (63 - SumBits));
};
using F32Layout = BinLayout<std::uint32_t, 23 - binned_mantissa_bits, 0, 36, 0, 0>;
// The lowest 22 bits of F64 are not summed. The relative error of a bin's mean is at most 2^-31.
constexpr std::uint64_t f64_first_bin = (std::uint64_t{1023} - 191) << binned_mantissa_bits;
using F64Layout =
    BinLayout<std::uint64_t, 52 - binned_mantissa_bits, 22, 40, f64_first_bin, outside_cell>;

// F32 and F64 that were BF16 or F8 are counted by the bits that BF16 has, without the sign. Such
// magnitudes are the first ones of bins, and their cells lie so far apart that many share a set of
// the first-level cache. The last code is that of the outside cell.
constexpr std::size_t cells_of_code = std::size_t{1} << (binned_mantissa_bits - 7);
constexpr std::size_t upper_codes = bin_cells / cells_of_code + 1;
static_assert(outside_cell / cells_of_code == upper_codes - 1);

// What a stretch of F32 or F64 holds besides its bins.
struct WideExtremes {
  std::uint64_t zeros = 0;   // only for leading bits; bins have a cell for zeros
  std::uint64_t strays = 0;  // only for bins: not zero, but counted in the cell of the zeros
  std::uint64_t beyond = 0;  // only for bins of F64: finite, not zero, and without a bin
  std::uint64_t infs = 0;
  std::uint64_t nonfinite = 0;     // infs included
  std::uint64_t bits = 0;          // only for bins: bitwise OR of the keys of finite magnitudes
  std::uint64_t largest = 0;       // key of the largest finite magnitude
  std::uint64_t smallest = ~0ULL;  // key of the smallest non-zero magnitude, non-finite included
};

// One thread's tables. Tables that only some data need are made when a block needs them.
struct BinCells {
  std::uint64_t* cells = nullptr;       // all_cells
  std::uint64_t* more_cells = nullptr;  // all_cells; for every other item of crowded data
  std::uint32_t* codes = nullptr;       // upper_codes
  WideExtremes extremes;
  void* owner = nullptr;
  void (*make_more_cells)(void* owner) = nullptr;
  void (*make_codes)(void* owner) = nullptr;
};

}  // namespace weightgauge
