// The magnitude histogram: what a scan leaves of a slice, and all that any later number needs.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/kernels/bin_cells.hpp"

namespace weightgauge {

// The elements that share the leading bits of their keys, and the sum of the other bits.
struct Bin {
  std::uint64_t key;  // without the bits that are left out
  std::uint64_t count;
  std::uint64_t residual;
};

// Only magnitudes that occur are kept, in ascending order. An entry is one exact magnitude
// (dropped_bits == 0) or, for F32 and F64 with too many of them, a bin of all magnitudes that
// share their leading bits: the key without its `dropped_bits` low bits. Then `residuals` holds
// the sum of those low bits over the bin, so that the bin's mean is known exactly.
struct Histogram {
  explicit Histogram(DType type) : dtype(type) {}

  DType dtype;
  int dropped_bits = 0;
  std::vector<std::uint64_t> keys;
  std::vector<std::uint64_t> counts;
  std::vector<std::uint64_t> residuals;  // empty where exact; in units of 2^residual_shift keys
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
  std::uint64_t max_key = 0;  // the largest finite magnitude's own key; 0 where there is none
  // Only for fits from bins: whether an entry is one magnitude, of which several may share a bin.
  // Empty where all entries are bins.
  std::vector<std::uint8_t> single;
  // Where bins are wider than usual, the last two usual ones that hold anything, ascending: what
  // lies at the upper end is told from them, however much memory there was for bins. Counts by
  // leading bits alone have none.
  std::vector<Bin> top;
  // The root mean square, where bins do not tell it: see squares.hpp.
  std::optional<double> known_rms;

  bool exact() const { return dropped_bits == 0; }
  std::size_t size() const { return keys.size(); }
  std::uint64_t n() const;  // non-zero finite elements

  void append(std::uint64_t key, std::uint64_t count, std::uint64_t residual);
};

// A count as the nearest double. Its halves below the leading bits of 2^84 and 2^52 are a number
// each: vectors have instructions for that which they lack for a conversion.
inline double to_double(std::uint64_t count) {
  constexpr std::uint64_t two_to_84 = std::uint64_t{1023 + 84} << 52;
  constexpr std::uint64_t two_to_52 = std::uint64_t{1023 + 52} << 52;
  const std::uint64_t high_bits = two_to_84 | count >> 32;
  const std::uint64_t low_bits = two_to_52 | (count & 0xFFFFFFFFU);
  double high = 0;
  double low = 0;
  std::memcpy(&high, &high_bits, sizeof high);
  std::memcpy(&low, &low_bits, sizeof low);
  return (high - (0x1p84 + 0x1p52)) + low;
}

// Bins of F32 and F64 keep 13 bits of the mantissa: relative width 2^-13.
int binned_dropped_bits(DType dtype);
// F64's residuals leave out the lowest 22 of their 39 bits, so that a count and a sum fit into 64
// bits; half a unit stands for what is left out.
int residual_shift(DType dtype);
// The same as a number of keys, and what is added to each element's residual for what is left out.
double residual_unit(DType dtype);
double residual_left_out(DType dtype);
// By how much, relatively, a bin's mean can be off for that.
double residual_slack(DType dtype);

// An empty one with the totals of another.
Histogram without_entries(const Histogram& like, int dropped_bits);
// Adds a bin, given by its keys without their `bin_bits` low bits, to the histogram's own bin
// around it, which is as wide or wider. With bin_bits = 0 and no residual `bin` is a single
// magnitude's key.
void append_bin(Histogram& to, int bin_bits, std::uint64_t bin, std::uint64_t count,
                std::uint64_t residual);

// The last two of the usual bins that hold anything, ascending; F32 and F64 only.
std::vector<Bin> top_bins(const Histogram& histogram);
// Adds a bin to such a list, above all that are there.
void append_top(std::vector<Bin>& top, const Bin& bin);

// The same magnitudes counted in bins; the histogram itself where it is binned already.
Histogram binned(const Histogram& exact);

// The same in bins so wide, or as it is where it has such bins or wider ones.
Histogram coarsened(const Histogram& histogram, int dropped_bits);

// Counts add. Where one histogram is exact and the other binned, the result is binned; of two kinds
// of bins it has the wider ones.
Histogram merged(const Histogram& a, const Histogram& b);

// Takes counts away: those of elements that were counted in `all` too. Where bins differ, what is
// left has the wider ones; its largest magnitude is not known. Throws DataChanged if there are more
// of a magnitude than in `all`.
void take_away(Histogram& all, const Histogram& some);

// Geometry of one entry, as plain magnitudes.
struct Entry {
  double low;   // smallest and
  double high;  // (excluded) upper end of the bin; both equal the magnitude where it is one
  double mean;
};
Entry entry_at(const Histogram& histogram, std::size_t index);

// The number of elements up to each entry, its own included, and `before` others below them all.
void note_ranks(const Histogram& histogram, std::vector<std::uint64_t>& ranks,
                std::uint64_t before = 0);

// Magnitudes at 0-based ranks, ascending, each below n. Means of bins where not exact.
std::vector<double> magnitudes_at(const Histogram& histogram,
                                  const std::vector<std::uint64_t>& ascending_ranks);

// numpy's "inverted_cdf": the 0-based rank of quantile q of n values.
std::uint64_t inverted_cdf_rank(double q, std::uint64_t n);

}  // namespace weightgauge
