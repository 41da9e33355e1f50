#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/exact/gather.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// The distinct keys with their counts, from a plain sort.
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

TEST_SUITE("gather") {
  TEST_CASE("a batch too full to sort at once is split by counting") {
    // There is one key more than fits. Most lie in one narrow range, so that the batch is split
    // several times.
    const std::size_t n = batch_limit(DType::f64) + 1;
    testing::Random random(11);
    std::vector<std::uint64_t> keys(n);
    for (std::uint64_t& key : keys) {
      const bool narrow = random.next() % 8 != 0;
      key = 0x3FF0000000000000ULL + (narrow ? random.next() % 1000 : random.next() % (1ULL << 50));
    }
    const KeyRange range{0x3FE0000000000000ULL, 0x3FFFFFFFFFFFFFFFULL};
    const std::vector<std::byte> bytes = testing::bytes_of(keys);
    const MemorySource source(bytes.data(), bytes.size());
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
    const MemorySource source(bytes.data(), bytes.size());
    ReadBuffer buffer;
    SortSpace space;
    const Control control;
    std::vector<double> seen;
    std::vector<std::uint64_t> counts;
    // Keys from that of 1.0 to that of 2.0, both included.
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
