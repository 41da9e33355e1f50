#include "core/exact/bin_order.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/base/errors.hpp"
#include "core/exact/counting_sort.hpp"

namespace weightgauge {

namespace {

// Bins from the first to the last, of a table of places.
constexpr std::uint64_t largest_table = std::uint64_t{1} << 19;
// Up to so many keys, and so many pairs for each key, each key is put into its place one by one.
constexpr std::size_t inserted_keys = 16;
constexpr std::uint64_t most_pairs_per_key = 8;
constexpr int most_digit_bits = 12;

}  // namespace

template <class Key>
bool order_by_bins(const Key* keys, Key* ordered, std::size_t n, const BinCounts& known,
                   int bin_bits) {
  if (known.size == 0 || known.bins[known.size - 1] - known.bins[0] >= largest_table) {
    return false;
  }
  const std::uint64_t first = known.bins[0];
  const std::uint64_t bins = known.bins[known.size - 1] - first + 1;
  // Bins without keys are left as they are: whatever stands there, no key goes beyond the end.
  thread_local std::vector<std::uint32_t> places;
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
                            int);
template bool order_by_bins(const std::uint64_t*, std::uint64_t*, std::size_t, const BinCounts&,
                            int);
template void sort_bin(std::uint32_t*, std::uint32_t*, std::size_t, int);
template void sort_bin(std::uint64_t*, std::uint64_t*, std::size_t, int);

}  // namespace weightgauge
