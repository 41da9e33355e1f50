// Sorting the keys of F32 and F64 magnitudes: all at once, or bin by bin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "core/base/zeroed_cells.hpp"

namespace weightgauge {

// Memory to sort keys of one width in.
template <class Key>
struct KeySpace {
  ZeroedCells<Key> keys;
  ZeroedCells<Key> scratch;
  std::vector<std::uint32_t> places;  // of bins
};

// A worker's memory to sort in, for keys of one width at a time.
class SortSpace {
 public:
  template <class Key>
  KeySpace<Key>& of() {
    if (!std::holds_alternative<KeySpace<Key>>(space_)) {
      space_.emplace<KeySpace<Key>>();
    }
    return std::get<KeySpace<Key>>(space_);
  }
  // Gives the memory up.
  void release() { space_ = {}; }
  // Gives it up if there is room for more keys than these.
  void release_beyond(std::size_t keys) {
    if (std::visit([](const auto& space) { return space.keys.size(); }, space_) > keys) {
      release();
    }
  }

 private:
  std::variant<KeySpace<std::uint32_t>, KeySpace<std::uint64_t>> space_;
};

// Sorts n keys in ascending order; `scratch` has room for as many.
void radix_sort(std::uint32_t* keys, std::uint32_t* scratch, std::size_t n);
void radix_sort(std::uint64_t* keys, std::uint64_t* scratch, std::size_t n);

// Bins that hold keys, ascending, and how many each holds.
struct BinCounts {
  const std::uint64_t* bins;  // keys without their low `bin_bits`
  const std::uint64_t* counts;
  std::size_t size;
};

// Copies n keys into the order of their bins; within a bin they keep the order they had. `places`
// is memory to work in. Returns false, and does nothing, where the bins are so far apart that
// sorting the keys costs less. Throws DataChanged where a bin does not hold as many keys as it
// should.
template <class Key>
bool order_by_bins(const Key* keys, Key* ordered, std::size_t n, const BinCounts& known,
                   int bin_bits, std::vector<std::uint32_t>& places);

// Sorts keys of one bin, which differ in their low `bin_bits` only; `scratch` has room for as many.
template <class Key>
void sort_bin(Key* keys, Key* scratch, std::size_t n, int bin_bits);

}  // namespace weightgauge
