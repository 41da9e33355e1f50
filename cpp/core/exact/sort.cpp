#include "core/exact/sort.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/errors.hpp"

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

// A table of places has a cell for every bin from the first to the last: at most so many.
constexpr std::uint64_t largest_table = std::uint64_t{1} << 19;
// A bin's keys are inserted one by one where they are so few, or where each has so few others on
// average that it may have to pass.
constexpr std::size_t inserted_keys = 16;
constexpr std::uint64_t most_pairs_per_key = 8;

// Bits that number the values 0..value.
int bits_of(std::uint64_t value) {
  int bits = 0;
  for (; value != 0; value >>= 1) {
    ++bits;
  }
  return bits;
}

// Counts of digits become the place of each digit's first key.
void counts_to_places(std::uint32_t* counts, std::size_t digits) {
  std::uint32_t sum = 0;
  for (std::size_t digit = 0; digit < digits; ++digit) {
    const std::uint32_t count = counts[digit];
    counts[digit] = sum;
    sum += count;
  }
}

// Sorts in time proportional to n and to the pairs that stand in the wrong order. Returns false,
// with some of the keys in order, once more than `most_pairs` of them have been set right.
template <class Key>
bool insertion_sort(Key* keys, std::size_t n, std::uint64_t most_pairs) {
  std::uint64_t pairs = 0;
  for (std::size_t i = 1; i < n && pairs <= most_pairs; ++i) {
    const Key key = keys[i];
    std::size_t place = i;
    for (; place > 0 && keys[place - 1] > key; --place) {
      keys[place] = keys[place - 1];
    }
    keys[place] = key;
    pairs += i - place;
  }
  return pairs <= most_pairs;
}

template <class Key>
void insertion_sort(Key* keys, std::size_t n) {
  insertion_sort(keys, n, ~std::uint64_t{0});
}

template <class Key>
void sort_few(Key* keys, std::size_t n) {
  if (n > insertion_limit) {
    std::sort(keys, keys + n);
  } else {
    insertion_sort(keys, n);
  }
}

using Places = std::array<std::uint32_t, most_digits>;
constexpr int most_passes = 3;

// The leading bits of `key - least` that keys are sorted by: where they begin, and how they are
// parted into digits of equally many.
struct Lead {
  int shift;
  int passes;
  int digit_bits;
};

int parts_of(int bits, int most) { return (bits + most - 1) / most; }

// All bits, where no more passes than these sort by all of them, as those of F32 do.
template <class Key>
Lead lead_of(Key range, std::size_t n) {
  const int bits = bits_of(range);
  // Keys differ, but that the range has a bit is not plain to those who analyse this function
  // alone.
  const int passes = std::max(parts_of(bits, most_digit_bits), 1);
  if (passes <= most_passes) {
    return {0, passes, parts_of(bits, passes)};
  }
  const int wanted = std::min(bits_of(n) + spare_bits, 2 * most_digit_bits);
  return {bits - wanted, 2, parts_of(wanted, 2)};
}

// Sorts from the lowest digit to the highest.
template <class Key, int passes>
void sort_by_digits(Key* keys, Key* scratch, std::size_t n, Key least, const Lead& lead) {
  const Key mask = static_cast<Key>((Key{1} << lead.digit_bits) - 1);
  const auto digit = [&](Key key, int pass) {
    return static_cast<Key>((key - least) >> (lead.shift + pass * lead.digit_bits)) & mask;
  };
  Places places[passes];
  for (Places& of_pass : places) {
    std::fill_n(of_pass.begin(), std::size_t{1} << lead.digit_bits, 0U);
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (int pass = 0; pass < passes; ++pass) {
      ++places[pass][digit(keys[i], pass)];
    }
  }
  Key* from = keys;
  Key* to = scratch;
  for (int pass = 0; pass < passes; ++pass) {
    std::uint32_t* const place = places[pass].data();
    counts_to_places(place, std::size_t{1} << lead.digit_bits);
    for (std::size_t i = 0; i < n; ++i) {
      to[place[digit(from[i], pass)]++] = from[i];
    }
    std::swap(from, to);
  }
  if (from != keys) {
    std::copy_n(from, n, keys);
  }
}

template <class Key>
void sort_by_lead(Key* keys, Key* scratch, std::size_t n, Key least, const Lead& lead) {
  switch (lead.passes) {
    case 1:
      return sort_by_digits<Key, 1>(keys, scratch, n, least, lead);
    case 2:
      return sort_by_digits<Key, 2>(keys, scratch, n, least, lead);
    default:
      return sort_by_digits<Key, most_passes>(keys, scratch, n, least, lead);
  }
}

// By all bits of what keys differ in, or by as many leading ones as tell most of them apart. Then
// few keys stand in the wrong order, or runs that share those bits are sorted by themselves.
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
  if (lead.shift == 0 || insertion_sort(keys, n, most_pairs_per_key * n)) {
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

template <class Key>
bool order_by_bins(const Key* keys, Key* ordered, std::size_t n, const BinCounts& known,
                   int bin_bits, std::vector<std::uint32_t>& places) {
  if (known.size == 0 || known.bins[known.size - 1] - known.bins[0] >= largest_table) {
    return false;
  }
  const std::uint64_t first = known.bins[0];
  const std::uint64_t bins = known.bins[known.size - 1] - first + 1;
  // Bins without keys are left as they are: whatever stands there, no key goes beyond the end.
  places.resize(std::max<std::size_t>(places.size(), bins));
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < known.size; ++i) {
    places[known.bins[i] - first] = sum;
    sum += static_cast<std::uint32_t>(known.counts[i]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t bin = (keys[i] >> bin_bits) - first;
    if (bin >= bins || places[bin] >= n) {
      throw DataChanged();
    }
    ordered[places[bin]++] = keys[i];
  }
  sum = 0;
  for (std::size_t i = 0; i < known.size; ++i) {
    sum += static_cast<std::uint32_t>(known.counts[i]);
    if (places[known.bins[i] - first] != sum) {
      throw DataChanged();
    }
  }
  return true;
}

template <class Key>
void sort_bin(Key* keys, Key* scratch, std::size_t n, int bin_bits) {
  if (n <= inserted_keys) {
    insertion_sort(keys, n);
    return;
  }
  // By as many leading bits as number the keys; few of them are out of order then.
  const int bits = std::min({bin_bits, bits_of(n), most_digit_bits});
  const int shift = bin_bits - bits;
  const std::size_t cells = std::size_t{1} << bits;
  const Key mask = static_cast<Key>(cells - 1);
  std::array<std::uint32_t, std::size_t{1} << most_digit_bits> places;
  std::fill_n(places.begin(), cells, 0U);
  for (std::size_t i = 0; i < n; ++i) {
    ++places[(keys[i] >> shift) & mask];
  }
  std::uint64_t pairs = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    pairs += std::uint64_t{places[cell]} * places[cell] / 4;
  }
  counts_to_places(places.data(), cells);
  for (std::size_t i = 0; i < n; ++i) {
    scratch[places[(keys[i] >> shift) & mask]++] = keys[i];
  }
  std::copy_n(scratch, n, keys);
  if (shift == 0) {
    return;
  }
  if (pairs <= most_pairs_per_key * n) {
    insertion_sort(keys, n);
  } else {
    std::sort(keys, keys + n);
  }
}

template bool order_by_bins(const std::uint32_t*, std::uint32_t*, std::size_t, const BinCounts&,
                            int, std::vector<std::uint32_t>&);
template bool order_by_bins(const std::uint64_t*, std::uint64_t*, std::size_t, const BinCounts&,
                            int, std::vector<std::uint32_t>&);
template void sort_bin(std::uint32_t*, std::uint32_t*, std::size_t, int);
template void sort_bin(std::uint64_t*, std::uint64_t*, std::size_t, int);

}  // namespace weightgauge
