// F32 and F64 keys in order, bin by bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightgauge {

// Puts keys of first..last into the order of their bins, which are the keys without their low
// `bin_bits`. Within a bin the order is whatever it was. Returns false, and leaves the keys as they
// are, where so many bins are possible that sorting costs less. `scratch` becomes as large as
// `keys`; what it holds before and after is of no meaning.
template <class Key>
bool group_by_bins(std::vector<Key>& keys, std::vector<Key>& scratch, Key first, Key last,
                   int bin_bits);

// Sorts keys of one bin, which differ in their low `bin_bits` only; `scratch` has room for as many.
template <class Key>
void sort_bin(Key* keys, Key* scratch, std::size_t n, int bin_bits);

}  // namespace weightgauge
