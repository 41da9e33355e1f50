// What sorting by counted digits needs here and there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Bits that number the values 0..value.
inline int bits_of(std::uint64_t value) {
  int bits = 0;
  for (; value != 0; value >>= 1) {
    ++bits;
  }
  return bits;
}

// Counts of digits become the place of each digit's first key.
inline void counts_to_places(std::uint32_t* counts, std::size_t digits) {
  std::uint32_t sum = 0;
  for (std::size_t digit = 0; digit < digits; ++digit) {
    const std::uint32_t count = counts[digit];
    counts[digit] = sum;
    sum += count;
  }
}

// Sorts in time proportional to n and to the pairs that stand in the wrong order.
template <class Key>
void insertion_sort(Key* keys, std::size_t n) {
  for (std::size_t i = 1; i < n; ++i) {
    const Key key = keys[i];
    std::size_t place = i;
    for (; place > 0 && keys[place - 1] > key; --place) {
      keys[place] = keys[place - 1];
    }
    keys[place] = key;
  }
}

}  // namespace weightgauge
