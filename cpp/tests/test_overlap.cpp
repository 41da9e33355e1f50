#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "core/io/byte_ranges.hpp"
#include "core/io/decoding.hpp"
#include "core/io/overlap.hpp"

namespace weightgauge {

namespace {

std::vector<std::uint64_t> offsets_of(const View& view) {
  std::vector<std::uint64_t> offsets;
  const std::uint64_t per_item = view.decoding == nullptr ? 1 : view.decoding->values_per_item();
  for_each_run(view, 0, view.items() / per_item, [&](const Run& run) {
    for (std::uint64_t i = 0; i < run.items; ++i) {
      offsets.push_back(run.offset + i * run.stride);
    }
  });
  return offsets;
}

// A view with random dimensions. Each dimension leaves a random gap between its parts.
View random_view(std::mt19937_64& random, DType dtype) {
  std::vector<Dim> dims;
  std::uint64_t span = item_bytes(dtype);
  for (std::uint64_t rank = random() % 4; rank > 0; --rank) {
    const std::uint64_t extent = 1 + random() % 6;
    const std::uint64_t stride = span + random() % 3 * (random() % 5);
    dims.push_back({extent, static_cast<std::int64_t>(stride)});
    span += (extent - 1) * stride;
  }
  std::shuffle(dims.begin(), dims.end(), random);
  return checked_view(dtype, random() % 50, dims, 1U << 20);
}

}  // namespace

TEST_SUITE("overlap") {
  TEST_CASE("blocks and cut items are what looking at every item finds") {
    std::mt19937_64 random(11);
    for (int round = 0; round < 20'000; ++round) {
      const DType dtypes[] = {DType::f64, DType::f32, DType::bf16, DType::f8_e4m3};
      const View view = random_view(random, dtypes[random() % 4]);
      const std::uint64_t item = item_bytes(view.dtype);
      const std::uint64_t begin = random() % (view.end() + 4);
      const ByteRange range{begin, begin + random() % (view.end() + 8)};
      std::vector<std::uint64_t> whole;
      std::vector<std::uint64_t> cut;
      for (const std::uint64_t at : offsets_of(view)) {
        if (at >= range.begin && at + item <= range.end) {
          whole.push_back(at);
        } else if (at < range.end && at + item > range.begin && range.begin < range.end) {
          cut.push_back(at);
        }
      }
      const Overlap found = overlap_of(view, range);
      std::vector<std::uint64_t> in_blocks;
      for (const View& block : found.blocks) {
        const std::vector<std::uint64_t> offsets = offsets_of(block);
        in_blocks.insert(in_blocks.end(), offsets.begin(), offsets.end());
      }
      std::sort(in_blocks.begin(), in_blocks.end());
      std::sort(whole.begin(), whole.end());
      std::sort(cut.begin(), cut.end());
      std::vector<std::uint64_t> found_cut = found.cut_items;
      std::sort(found_cut.begin(), found_cut.end());
      REQUIRE(in_blocks == whole);
      REQUIRE(found_cut == cut);
      REQUIRE(found.blocks.size() <= 2 * view.dims.size() + 1);
    }
  }

  TEST_CASE("a view without items overlaps nothing") {
    const Overlap found = overlap_of(contiguous_view(DType::f32, 0, 0), {0, 100});
    CHECK(found.blocks.empty());
    CHECK(found.cut_items.empty());
  }
}

TEST_SUITE("byte_ranges") {
  TEST_CASE("adding and removing is that of sets of bytes") {
    std::mt19937_64 random(5);
    for (int round = 0; round < 300; ++round) {
      ByteRanges ranges;
      std::set<std::uint64_t> bytes;
      for (int step = 0; step < 40; ++step) {
        const std::uint64_t begin = random() % 60;
        const ByteRange range{begin, begin + random() % 12};
        if (random() % 3 != 0) {
          ranges.add(range);
          for (std::uint64_t at = range.begin; at < range.end; ++at) {
            bytes.insert(at);
          }
        } else {
          ranges.remove(range);
          bytes.erase(bytes.lower_bound(range.begin), bytes.lower_bound(range.end));
        }
        std::set<std::uint64_t> found;
        std::uint64_t before = 0;
        for (const ByteRange each : ranges.all()) {
          REQUIRE(each.begin < each.end);
          REQUIRE((found.empty() || each.begin > before));  // neither overlap nor touch
          before = each.end;
          for (std::uint64_t at = each.begin; at < each.end; ++at) {
            found.insert(at);
          }
        }
        REQUIRE(found == bytes);
        REQUIRE(ranges.empty() == bytes.empty());
        const ByteRange asked{random() % 60, 70};
        std::set<std::uint64_t> inside;
        for (const ByteRange each : ranges.inside(asked)) {
          for (std::uint64_t at = each.begin; at < each.end; ++at) {
            inside.insert(at);
          }
        }
        REQUIRE(inside == std::set<std::uint64_t>(bytes.lower_bound(asked.begin), bytes.end()));
      }
    }
  }
}

}  // namespace weightgauge
