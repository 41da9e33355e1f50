#include "core/exact/radix_sort.hpp"

#include <algorithm>
#include <array>

#include "core/exact/counting_sort.hpp"

namespace weightgauge {

namespace {

// Up to so many keys comparisons are the faster way.
constexpr std::size_t comparison_limit = 512;
constexpr std::size_t insertion_limit = 24;
// Bits of a digit: its counts, and the ends of the runs that they stand for, stay in the caches.
constexpr int most_digit_bits = 12;
constexpr std::size_t most_digits = std::size_t{1} << most_digit_bits;
// Bits by which keys are sorted beyond those that number them: few then share their leading bits.
constexpr int spare_bits = 2;

template <class Key>
void sort_few(Key* keys, std::size_t n) {
  if (n > insertion_limit) {
    std::sort(keys, keys + n);
  } else {
    insertion_sort(keys, n);
  }
}

using Places = std::array<std::uint32_t, most_digits>;

// Where the leading bits of keys - least begin, and how many count.
struct Lead {
  int shift;
  int low_bits;  // the lower of their two digits
  int high_bits;
};

template <class Key>
Lead lead_of(Key range, std::size_t n) {
  const int bits = bits_of(range);
  const int wanted = std::min({bits, bits_of(n) + spare_bits, 2 * most_digit_bits});
  return {bits - wanted, wanted / 2, wanted - wanted / 2};
}

template <class Key>
void sort_by_lead(Key* keys, Key* scratch, std::size_t n, Key least, const Lead& lead) {
  const Key low_mask = static_cast<Key>((Key{1} << lead.low_bits) - 1);
  const auto low_digit = [&](Key key) {
    return static_cast<Key>((key - least) >> lead.shift) & low_mask;
  };
  const int high_shift = lead.shift + lead.low_bits;
  const auto high_digit = [&](Key key) { return static_cast<Key>((key - least) >> high_shift); };
  Places low{};
  Places high{};
  for (std::size_t i = 0; i < n; ++i) {
    ++low[low_digit(keys[i])];
    ++high[high_digit(keys[i])];
  }
  counts_to_places(low.data(), std::size_t{1} << lead.low_bits);
  counts_to_places(high.data(), std::size_t{1} << lead.high_bits);
  for (std::size_t i = 0; i < n; ++i) {
    scratch[low[low_digit(keys[i])]++] = keys[i];
  }
  for (std::size_t i = 0; i < n; ++i) {
    keys[high[high_digit(scratch[i])]++] = scratch[i];
  }
}

// By as many leading bits of what keys differ in as tell most of them apart, in two passes from the
// lower digit to the higher; runs that share those bits are sorted by themselves.
template <class Key>
void sort_keys(Key* keys, Key* scratch, std::size_t n) {
  if (n <= comparison_limit) {
    sort_few(keys, n);
    return;
  }
  Key least = keys[0];
  Key largest = keys[0];
  for (std::size_t i = 1; i < n; ++i) {
    least = std::min(least, keys[i]);
    largest = std::max(largest, keys[i]);
  }
  if (least == largest) {
    return;
  }
  const Lead lead = lead_of(static_cast<Key>(largest - least), n);
  sort_by_lead(keys, scratch, n, least, lead);
  if (lead.shift == 0) {
    return;
  }
  const auto leading = [&](std::size_t i) {
    return static_cast<Key>((keys[i] - least) >> lead.shift);
  };
  for (std::size_t begin = 0; begin < n;) {
    std::size_t end = begin + 1;
    while (end < n && leading(end) == leading(begin)) {
      ++end;
    }
    if (end - begin > 1) {
      sort_keys(keys + begin, scratch + begin, end - begin);  // differ in fewer bits than these
    }
    begin = end;
  }
}

}  // namespace

void radix_sort(std::uint32_t* keys, std::uint32_t* scratch, std::size_t n) {
  sort_keys(keys, scratch, n);
}

void radix_sort(std::uint64_t* keys, std::uint64_t* scratch, std::size_t n) {
  sort_keys(keys, scratch, n);
}

}  // namespace weightgauge
