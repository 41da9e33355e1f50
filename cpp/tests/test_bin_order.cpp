#include <doctest/doctest.h>

#include <algorithm>

#include "core/bin_order.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

template <class Key>
std::vector<Key> random_keys(std::size_t n, Key first, Key width, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<Key> keys(n);
  for (Key& key : keys) {
    key = static_cast<Key>(first + static_cast<Key>(random.next()) % width);
  }
  return keys;
}

template <class Key>
void check_groups(int bin_bits, std::size_t n, Key first, Key last) {
  std::vector<Key> keys = random_keys<Key>(n, first, static_cast<Key>(last - first + 1), n);
  std::vector<Key> expected = keys;
  const auto by_bin = [bin_bits](Key a, Key b) { return a >> bin_bits < b >> bin_bits; };
  std::stable_sort(expected.begin(), expected.end(), by_bin);
  std::vector<Key> scratch;
  CHECK(group_by_bins(keys, scratch, first, last, bin_bits));
  CHECK(keys == expected);
  CHECK(scratch.size() == n);
}

template <class Key>
void check_sorts_bin(std::vector<Key> keys, int bin_bits) {
  std::vector<Key> expected = keys;
  std::sort(expected.begin(), expected.end());
  std::vector<Key> scratch(keys.size());
  sort_bin(keys.data(), scratch.data(), keys.size(), bin_bits);
  CHECK(keys == expected);
}

template <class Key>
void check_bins_of_all_kinds(int bin_bits) {
  const Key bin = static_cast<Key>(Key{5} << bin_bits);
  const Key width = static_cast<Key>(Key{1} << bin_bits);
  for (const std::size_t n : {0U, 1U, 2U, 16U, 17U, 80U, 1000U, 30'000U}) {
    CAPTURE(n);
    check_sorts_bin(random_keys<Key>(n, bin, width, 3), bin_bits);
    // Close together, which leaves much to do after the leading bits: one by one, or not.
    check_sorts_bin(random_keys<Key>(n, bin, 300, 4), bin_bits);
    check_sorts_bin(random_keys<Key>(n, static_cast<Key>(bin + width - 2), 2, 5), bin_bits);
    std::vector<Key> falling = random_keys<Key>(n, bin, width, 6);
    std::sort(falling.rbegin(), falling.rend());
    check_sorts_bin(falling, bin_bits);
  }
}

}  // namespace

TEST_SUITE("bin_order") {
  TEST_CASE("keys are grouped by their bins") {
    check_groups<std::uint32_t>(10, 50'000, 0x3C000000, 0x3D7FFFFF);
    check_groups<std::uint32_t>(10, 3, 1, 1023);
    check_groups<std::uint32_t>(10, 0, 0x3C000000, 0x3C0003FF);
    check_groups<std::uint64_t>(39, 50'000, 0x3F90000000000000, 0x3FA7FFFFFFFFFFFF);
  }

  TEST_CASE("keys stay as they are where there would be too many bins") {
    std::vector<std::uint64_t> keys = {7, 3, 5};
    std::vector<std::uint64_t> scratch;
    CHECK_FALSE(group_by_bins(keys, scratch, std::uint64_t{1}, ~std::uint64_t{0} >> 1, 39));
    CHECK(keys == std::vector<std::uint64_t>{7, 3, 5});
  }

  TEST_CASE("the keys of a bin are sorted") {
    check_bins_of_all_kinds<std::uint32_t>(10);
    check_bins_of_all_kinds<std::uint64_t>(39);
  }
}

}  // namespace weightgauge
