#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>

#include "core/exact/gather.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

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

// Bins of random fullness, planned: every key in exactly one batch, in order, none too full.
void check_plan(std::uint64_t seed) {
  testing::Random random(seed);
  const int shift = static_cast<int>(random.next() % 9);
  const std::uint64_t first = random.next() % 5000;
  const std::uint64_t last = first + 1 + random.next() % 5000;
  const std::uint64_t base = first >> shift;
  std::vector<std::uint64_t> counts((last >> shift) - base + 1);
  std::uint64_t total = 0;
  for (std::uint64_t& count : counts) {
    count = random.next() % 3 == 0 ? 0 : random.next() % 100;
    total += count;
  }
  const std::uint64_t limit = 1 + random.next() % 300;
  const std::uint64_t before = random.next() % 1000;
  std::uint64_t rank = before;
  std::uint64_t next_free = first;
  std::vector<int> covered(counts.size(), 0);
  for (const Batch& batch : plan_batches(counts, {first, last}, shift, limit, before)) {
    CHECK(batch.rank_before == rank);
    CHECK(batch.range.first >= next_free);
    CHECK(batch.range.first <= batch.range.last);
    CHECK(batch.range.last <= last);
    std::uint64_t inside = 0;
    std::uint64_t occupied = 0;
    for (std::uint64_t bin = (batch.range.first >> shift) - base;
         bin <= (batch.range.last >> shift) - base; ++bin) {
      inside += counts[bin];
      occupied += counts[bin] > 0 ? 1 : 0;
      ++covered[bin];
    }
    CHECK(inside == batch.count);
    CHECK((batch.count <= limit || occupied == 1));
    rank += batch.count;
    next_free = batch.range.last + 1;
  }
  CHECK(rank == before + total);
  for (std::size_t bin = 0; bin < counts.size(); ++bin) {
    CHECK((covered[bin] == 1 || (covered[bin] == 0 && counts[bin] == 0)));
  }
}

// Every distinct key with its count, from a plain sort.
template <class Key>
std::vector<std::pair<std::uint64_t, std::uint64_t>> plain_runs(std::vector<Key> keys,
                                                                KeyRange range) {
  std::sort(keys.begin(), keys.end());
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
  for (const Key key : keys) {
    if (key < range.first || key > range.last) {
      continue;
    }
    if (!runs.empty() && runs.back().first == key) {
      ++runs.back().second;
    } else {
      runs.emplace_back(key, 1);
    }
  }
  return runs;
}

}  // namespace

TEST_SUITE("select") {
  TEST_CASE("32-bit keys are sorted") { check_sorts_all_kinds<std::uint32_t>(); }
  TEST_CASE("64-bit keys are sorted") { check_sorts_all_kinds<std::uint64_t>(); }

  TEST_CASE("batches cover the bins once, in order and within the limit") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      check_plan(seed);
    }
  }

  TEST_CASE("a batch too full to sort at once is split by counting") {
    // One more than fits, most of them in one narrow range so that splitting goes several levels.
    const std::size_t n = batch_limit(DType::f64) + 1;
    testing::Random random(11);
    std::vector<std::uint64_t> keys(n);
    for (std::uint64_t& key : keys) {
      const bool narrow = random.next() % 8 != 0;
      key = 0x3FF0000000000000ULL + (narrow ? random.next() % 1000 : random.next() % (1ULL << 50));
    }
    const KeyRange range{0x3FE0000000000000ULL, 0x3FFFFFFFFFFFFFFFULL};
    const std::vector<std::byte> bytes = testing::bytes_of(keys);
    const Source source(bytes.data());
    ReadBuffer buffer;
    SortSpace space;
    const Control control;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;
    for_each_sorted(
        source, contiguous_view(DType::f64, 0, n), {range, n, 0}, buffer, space, control,
        [&runs](std::uint64_t key, std::uint64_t count) { runs.emplace_back(key, count); });
    CHECK((runs == plain_runs(keys, range)));
  }

  TEST_CASE("keys outside a batch's range are left out, whatever their sign") {
    std::vector<float> values = {-1.0F, 2.0F, -3.0F, 1.5F, 0.0F, -1.5F, 8.0F};
    const std::vector<std::byte> bytes = testing::bytes_of(values);
    const Source source(bytes.data());
    ReadBuffer buffer;
    SortSpace space;
    const Control control;
    std::vector<double> seen;
    std::vector<std::uint64_t> counts;
    // 1.0 to 2.0, both included
    for_each_sorted(source, contiguous_view(DType::f32, 0, values.size()),
                    {{0x3F800000, 0x40000000}, 4, 0}, buffer, space, control,
                    [&](std::uint64_t key, std::uint64_t count) {
                      seen.push_back(magnitude_value(DType::f32, key));
                      counts.push_back(count);
                    });
    CHECK(seen == std::vector<double>{1.0, 1.5, 2.0});
    CHECK(counts == std::vector<std::uint64_t>{1, 2, 1});
  }
}

}  // namespace weightgauge
