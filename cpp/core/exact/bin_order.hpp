// F32 and F64 keys in order, bin by bin.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Bins that hold keys, ascending, and how many each holds.
struct BinCounts {
  const std::uint64_t* bins;  // keys without their low `bin_bits`
  const std::uint64_t* counts;
  std::size_t size;
};

// Puts n keys into the order of their bins; within a bin the order is whatever it was. Returns
// false, and does nothing, where the bins are so far apart that sorting the keys costs less. Throws
// DataChanged where bins hold other numbers of keys than they should.
template <class Key>
bool order_by_bins(const Key* keys, Key* ordered, std::size_t n, const BinCounts& known,
                   int bin_bits);

// Sorts keys of one bin, which differ in their low `bin_bits` only; `scratch` has room for as many.
template <class Key>
void sort_bin(Key* keys, Key* scratch, std::size_t n, int bin_bits);

}  // namespace weightgauge
