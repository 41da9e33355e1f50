#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/base/errors.hpp"
#include "core/exact/sort.hpp"
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

struct KnownBins {
  std::vector<std::uint64_t> bins;
  std::vector<std::uint64_t> counts;
  BinCounts view() const { return {bins.data(), counts.data(), bins.size()}; }
};

template <class Key>
std::vector<Key> in_order(std::vector<Key> keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

template <class Key>
KnownBins bins_of(const std::vector<Key>& keys, int bin_bits) {
  KnownBins known;
  for (const Key key : in_order(keys)) {
    const std::uint64_t bin = key >> bin_bits;
    if (known.bins.empty() || known.bins.back() != bin) {
      known.bins.push_back(bin);
      known.counts.push_back(0);
    }
    ++known.counts.back();
  }
  return known;
}

template <class Key>
void check_order(int bin_bits, std::size_t n, Key first, Key last) {
  const std::vector<Key> keys = random_keys<Key>(n, first, static_cast<Key>(last - first + 1), n);
  const auto by_bin = [bin_bits](Key a, Key b) { return a >> bin_bits < b >> bin_bits; };
  std::vector<Key> ordered(n);
  std::vector<std::uint32_t> places;
  CHECK(order_by_bins(keys.data(), ordered.data(), n, bins_of(keys, bin_bits).view(), bin_bits,
                      places) == (n > 0));
  CHECK(std::is_sorted(ordered.begin(), ordered.end(), by_bin));
  CHECK(in_order(ordered) == in_order(keys));
}

// Sorts keys that have changed since their bins were counted.
template <class Key>
void check_changed(std::vector<Key> keys, const KnownBins& known, int bin_bits) {
  std::vector<Key> scratch(keys.size());
  std::vector<std::uint32_t> places;
  CHECK_THROWS_AS(
      order_by_bins(keys.data(), scratch.data(), keys.size(), known.view(), bin_bits, places),
      DataChanged);
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
    // Keys that are close together still differ after the leading bits are sorted. They are
    // finished by insertion or by further digits.
    check_sorts_bin(random_keys<Key>(n, bin, 300, 4), bin_bits);
    check_sorts_bin(random_keys<Key>(n, static_cast<Key>(bin + width - 2), 2, 5), bin_bits);
    std::vector<Key> falling = random_keys<Key>(n, bin, width, 6);
    std::sort(falling.rbegin(), falling.rend());
    check_sorts_bin(falling, bin_bits);
  }
}

template <class Key>
void check_sorts(std::vector<Key> keys) {
  std::vector<Key> expected = keys;
  std::sort(expected.begin(), expected.end());
  std::vector<Key> scratch(keys.size());
  radix_sort(keys.data(), scratch.data(), keys.size());
  CHECK(keys == expected);
}

template <class Key>
void check_sorts_all_kinds() {
  testing::Random random(7);
  for (const std::size_t n : {0U, 1U, 2U, 511U, 512U, 513U, 20'000U}) {
    CAPTURE(n);
    std::vector<Key> keys(n);
    const auto fill = [&](Key mask, Key base) {
      for (Key& key : keys) {
        key = static_cast<Key>(base | (static_cast<Key>(random.next()) & mask));
      }
      check_sorts(keys);
    };
    fill(static_cast<Key>(~Key{0}), 0);
    fill(0, 42);                                                 // all equal
    fill(0x7, static_cast<Key>(Key{0x3F} << 24));                // a single varying digit
    fill(static_cast<Key>(Key{0xFF} << 20), 0x11);               // only a middle digit varies
    fill(static_cast<Key>(Key{1} << (8 * sizeof(Key) - 1)), 0);  // only the top bit
    fill(0xFFFFF, static_cast<Key>(Key{0x7} << 25));             // close together but for one
    if (n > 0) {
      keys[n / 2] = 1;
      check_sorts(keys);
    }
    std::sort(keys.rbegin(), keys.rend());
    check_sorts(keys);
  }
}

}  // namespace

TEST_SUITE("sort") {
  TEST_CASE("32-bit keys are sorted") { check_sorts_all_kinds<std::uint32_t>(); }
  TEST_CASE("64-bit keys are sorted") { check_sorts_all_kinds<std::uint64_t>(); }

  TEST_CASE("keys are put in the order of their bins") {
    check_order<std::uint32_t>(10, 50'000, 0x3C000000, 0x3D7FFFFF);
    check_order<std::uint32_t>(10, 3, 1, 1023);
    check_order<std::uint32_t>(10, 0, 0x3C000000, 0x3C0003FF);
    check_order<std::uint64_t>(39, 50'000, 0x3F90000000000000, 0x3FA7FFFFFFFFFFFF);
  }

  TEST_CASE("bins may be too far apart for that") {
    const std::vector<std::uint64_t> keys = {std::uint64_t{5} << 60, 7};
    std::vector<std::uint64_t> ordered(2);
    std::vector<std::uint32_t> places;
    CHECK_FALSE(
        order_by_bins(keys.data(), ordered.data(), 2, bins_of(keys, 39).view(), 39, places));
  }

  TEST_CASE("keys that have changed since they were counted are noticed") {
    constexpr int bin_bits = 10;
    const std::vector<std::uint32_t> counted = {5 << 10, 5 << 10, 6 << 10, 8 << 10};
    const KnownBins known = bins_of(counted, bin_bits);
    const auto changed = [&](std::vector<std::uint32_t> keys) {
      check_changed(std::move(keys), known, bin_bits);
    };
    changed({5 << 10, 6 << 10, 6 << 10, 8 << 10});  // a bin has more keys than were counted
    changed({5 << 10, 5 << 10, 7 << 10, 8 << 10});  // a key is in a bin that was empty
    changed({4 << 10, 5 << 10, 6 << 10, 8 << 10});  // a key is before the first bin
    changed({5 << 10, 5 << 10, 6 << 10, 9 << 10});  // a key is after the last bin
    changed({8 << 10, 8 << 10, 8 << 10, 8 << 10});  // the last bin's keys would go beyond the end
  }

  TEST_CASE("the keys of a bin are sorted") {
    check_bins_of_all_kinds<std::uint32_t>(10);
    check_bins_of_all_kinds<std::uint64_t>(39);
  }
}

}  // namespace weightgauge
