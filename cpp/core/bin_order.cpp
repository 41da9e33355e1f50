#include "core/bin_order.hpp"

#include <algorithm>
#include <array>

#include "core/counting_sort.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t most_bins = std::uint64_t{1} << 18;
// Up to so many keys, and so many pairs for each key, each key is put into its place one by one.
constexpr std::size_t inserted_keys = 16;
constexpr std::uint64_t most_pairs_per_key = 8;
constexpr int most_digit_bits = 12;

}  // namespace

template <class Key>
bool group_by_bins(std::vector<Key>& keys, std::vector<Key>& scratch, Key first, Key last,
                   int bin_bits) {
  const Key first_bin = first >> bin_bits;
  const std::uint64_t bins = std::uint64_t{last >> bin_bits} - first_bin + 1;
  if (bins > most_bins) {
    return false;
  }
  thread_local std::vector<std::uint32_t> places;
  places.assign(static_cast<std::size_t>(bins), 0);
  for (const Key key : keys) {
    ++places[(key >> bin_bits) - first_bin];
  }
  counts_to_places(places.data(), places.size());
  scratch.resize(std::max(scratch.size(), keys.size()));
  for (const Key key : keys) {
    scratch[places[(key >> bin_bits) - first_bin]++] = key;
  }
  scratch.resize(keys.size());
  keys.swap(scratch);
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

template bool group_by_bins(std::vector<std::uint32_t>&, std::vector<std::uint32_t>&, std::uint32_t,
                            std::uint32_t, int);
template bool group_by_bins(std::vector<std::uint64_t>&, std::vector<std::uint64_t>&, std::uint64_t,
                            std::uint64_t, int);
template void sort_bin(std::uint32_t*, std::uint32_t*, std::size_t, int);
template void sort_bin(std::uint64_t*, std::uint64_t*, std::size_t, int);

}  // namespace weightgauge
