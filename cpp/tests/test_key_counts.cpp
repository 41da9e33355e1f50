#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <vector>

#include "core/exact/key_counts.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Keys of either sign, as bytes. They differ in their upper bits alone, in their lower ones, or in
// any.
template <class Key>
std::vector<Key> drawn_keys(std::size_t n, std::size_t different, int shift) {
  testing::Random random(80);
  std::vector<Key> keys;
  for (std::size_t i = 0; i < n; ++i) {
    const auto key = static_cast<Key>(random.next() % different) << shift;
    const Key sign = Key{1} << (8 * sizeof(Key) - 1);
    keys.push_back(static_cast<Key>(random.next() % 2 == 0 ? key | sign : key));
  }
  return keys;
}

template <class Key>
void check_counts(std::size_t different, int shift) {
  const std::vector<Key> items = drawn_keys<Key>(20'000, different, shift);
  std::map<Key, std::uint64_t> expected;
  for (const Key item : items) {
    ++expected[item & static_cast<Key>(~Key{0} >> 1)];
  }
  const std::vector<std::byte> bytes = testing::bytes_of(items);
  KeyCounts<Key> counts(expected.size());
  const std::size_t first = 777;
  REQUIRE(counts.add(bytes.data(), first));
  REQUIRE(counts.settle());
  REQUIRE(counts.add(bytes.data() + first * sizeof(Key), items.size() - first));
  REQUIRE(counts.settle());
  CHECK(counts.items() == items.size());
  std::vector<Key> keys;
  counts.append_keys(keys);
  CHECK(keys.size() == expected.size());
  std::map<Key, std::uint64_t> found;
  for (const Key key : keys) {
    found[key] = counts.count_of(key);
  }
  CHECK(found == expected);
  KeyCounts<Key> too_small(expected.size() - 1);
  CHECK_FALSE((too_small.add(bytes.data(), items.size()) && too_small.settle()));
}

void check_repeated(std::size_t different) {
  const std::vector<std::uint32_t> items = drawn_keys<std::uint32_t>(3000, different, 9);
  std::vector<std::uint32_t> times;
  std::map<std::uint32_t, std::uint64_t> expected;
  std::uint64_t all = 0;
  for (const std::uint32_t item : items) {
    times.push_back(static_cast<std::uint32_t>(times.size() % 5));
    if (times.back() > 0) {
      expected[item & 0x7FFFFFFFU] += times.back();
      all += times.back();
    }
  }
  const std::vector<std::byte> bytes = testing::bytes_of(items);
  KeyCounts<std::uint32_t> counts(expected.size());
  REQUIRE(counts.add_repeated(bytes.data(), times.data(), items.size()));
  REQUIRE(counts.settle());
  CHECK(counts.items() == all);
  for (const auto& [key, count] : expected) {
    CHECK(counts.count_of(key) == count);
  }
  KeyCounts<std::uint32_t> too_small(expected.size() - 1);
  CHECK_FALSE(too_small.add_repeated(bytes.data(), times.data(), items.size()));
}

}  // namespace

TEST_SUITE("key_counts") {
  TEST_CASE("keys that occur several times are counted as often") {
    for (const std::size_t different : {2U, 300U, 2'000U}) {
      CAPTURE(different);
      check_repeated(different);
    }
  }

  TEST_CASE("each key is counted, and one too many is told") {
    for (const std::size_t different : {1U, 2U, 300U, 9'000U}) {
      CAPTURE(different);
      for (const int shift : {0, 7, 16}) {
        check_counts<std::uint32_t>(different, shift);
        check_counts<std::uint64_t>(different, shift);
      }
      check_counts<std::uint64_t>(different, 45);
    }
  }

  TEST_CASE("a key that was not counted has no elements") {
    const KeyCounts<std::uint32_t> none(1);
    CHECK(none.count_of(7) == 0);
  }
}

}  // namespace weightgauge
