#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/errors.hpp"
#include "core/exact/quantiles.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Random numbers of either sign, and among them zeros and non-finite numbers, which have no rank.
std::vector<float> some_floats(std::size_t n) {
  std::vector<float> values = testing::normal_floats(n, 12);
  for (std::size_t i = 0; i < n; i += 7) {
    values[i] = i % 2 == 0 ? 0.0F : std::numeric_limits<float>::infinity();
    values[i + 1] = i % 3 == 0 ? 1e-45F : std::numeric_limits<float>::quiet_NaN();
  }
  return values;
}

std::vector<std::uint64_t> sorted_keys(const std::vector<float>& values) {
  std::vector<std::uint64_t> keys;
  for (const float value : values) {
    std::uint32_t key = 0;
    std::memcpy(&key, &value, sizeof key);
    key &= 0x7FFFFFFFU;
    if (key != 0 && key < first_nonfinite_key(DType::f32)) {
      keys.push_back(key);
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

Histogram bins_of(const std::vector<std::uint64_t>& keys, int dropped_bits) {
  Histogram bins(DType::f32);
  bins.dropped_bits = dropped_bits;
  for (const std::uint64_t key : keys) {
    bins.append(key >> dropped_bits, 1, 0);
  }
  return bins;
}

std::vector<double> select(const std::vector<float>& values, const std::vector<Batch>& batches,
                           int bin_bits, const std::vector<std::uint64_t>& ranks) {
  const std::vector<std::byte> bytes = testing::bytes_of(values);
  const MemorySource source(bytes.data(), bytes.size());
  ReadBuffer buffer;
  SortSpace space;
  const Control control;
  return magnitudes_of_ranks(source, contiguous_view(DType::f32, 0, values.size()), batches.data(),
                             batches.size(), bin_bits, ranks, buffer, space, control);
}

}  // namespace

TEST_SUITE("quantiles") {
  TEST_CASE("few ranks and many are found among all magnitudes") {
    const std::vector<float> values = some_floats(70'000);
    const std::vector<std::uint64_t> keys = sorted_keys(values);
    for (const int dropped_bits : {10, 13, 20}) {
      for (const std::size_t wanted : {1U, 2U, 4U, 5U, 9U, 1000U}) {
        CAPTURE(dropped_bits);
        CAPTURE(wanted);
        std::vector<std::uint64_t> ranks;
        std::vector<double> expected;
        for (std::size_t i = 0; i < wanted; ++i) {
          ranks.push_back(i * (keys.size() - 1) / std::max<std::size_t>(wanted - 1, 1));
          expected.push_back(magnitude_value(DType::f32, keys[ranks.back()]));
        }
        const std::vector<Batch> batches = plan_ranks(bins_of(keys, dropped_bits), ranks);
        CHECK(batches.size() <= wanted);
        CHECK(select(values, batches, dropped_bits, ranks) == expected);
      }
    }
  }

  TEST_CASE("values that have changed since they were counted are noticed") {
    std::vector<float> values = some_floats(70'000);
    const Histogram bins = bins_of(sorted_keys(values), 10);
    for (const std::uint64_t wanted : {2U, 100U}) {
      std::vector<std::uint64_t> ranks;
      for (std::uint64_t i = 0; i < wanted; ++i) {
        ranks.push_back(i * 400);
      }
      const std::vector<Batch> batches = plan_ranks(bins, ranks);
      const auto inside =
          static_cast<float>(magnitude_value(DType::f32, batches.back().range.first));
      std::vector<float> more = values;
      std::fill(more.begin(), more.begin() + 60'000, inside);  // there is room for far fewer
      CHECK_THROWS_AS(select(more, batches, 10, ranks), DataChanged);
      const std::vector<float> fewer(values.size(), 0.0F);
      CHECK_THROWS_AS(select(fewer, batches, 10, ranks), DataChanged);
    }
  }
}

}  // namespace weightgauge
