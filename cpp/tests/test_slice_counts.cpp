#include <doctest/doctest.h>

#include <vector>

#include "core/scan/slice_counts.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Packed items and their slice, without a source from which they could be read.
struct PackedSlice {
  PackedSlice(DType dtype, std::vector<std::byte> packed)
      : bytes(std::move(packed)),
        view(contiguous_view(dtype, 0, bytes.size() / item_bytes(dtype))),
        result(dtype) {}

  Slice slice() { return {source, view, options, result, Noted::nothing}; }
  void count(CountingTable& table, Method method, std::size_t from, std::size_t to) const {
    table.count(method, view.dtype, bytes.data() + from * item_bytes(view.dtype), to - from,
                options.paper.get());
  }

  std::vector<std::byte> bytes;
  MemorySource source{nullptr, 0};
  View view;
  ScanOptions options;
  SliceResult result;
};

// Counts three stretches of the items, out of order, in two tables that are harvested in turn.
Histogram count_in_pieces(PackedSlice& packed, Method method) {
  const auto items = static_cast<std::size_t>(packed.view.items());
  SliceCounts counts(packed.slice(), method);
  HarvestSpace space;
  CountingTable first;
  CountingTable second;
  packed.count(first, method, items / 3, items / 2);
  packed.count(second, method, items / 2, items);
  counts.harvest(second, space);
  packed.count(second, method, 0, items / 3);
  counts.harvest(first, space);
  counts.harvest(second, space);
  CHECK(first.pending() == 0);
  CHECK(second.pending() == 0);
  return counts.take_histogram();
}

void check_totals(const Histogram& histogram, const testing::Tally& expected) {
  CHECK(histogram.n() == expected.n);
  CHECK(histogram.zeros == expected.zeros);
  CHECK(histogram.nans == expected.nans);
  CHECK(histogram.infs == expected.infs);
}

}  // namespace

TEST_SUITE("slice_counts") {
  TEST_CASE("pieces counted in any order and in several tables add up to the slice") {
    for (const DType dtype : {DType::bf16, DType::f16, DType::f8_e4m3, DType::f4}) {
      PackedSlice packed(dtype, testing::random_bytes(90'000, 21));
      const testing::Tally expected = testing::tally(dtype, packed.bytes);
      const Histogram histogram = count_in_pieces(packed, Method::codes);
      check_totals(histogram, expected);
      REQUIRE(histogram.size() == expected.magnitudes.size());
      std::size_t i = 0;
      for (const auto& [magnitude, count] : expected.magnitudes) {
        CHECK(entry_at(histogram, i).mean == magnitude);
        CHECK(histogram.counts[i++] == count);
      }
    }
  }

  TEST_CASE("so do bins, in which every magnitude lies") {
    PackedSlice packed(DType::f32, testing::random_bytes(400'000, 22));
    const testing::Tally expected = testing::tally(DType::f32, packed.bytes);
    const Histogram histogram = count_in_pieces(packed, Method::bins);
    check_totals(histogram, expected);
    CHECK(!histogram.exact());
    for (std::size_t i = 0; i < histogram.size(); ++i) {
      const Entry bin = entry_at(histogram, i);
      std::uint64_t inside = 0;
      for (auto it = expected.magnitudes.lower_bound(bin.low);
           it != expected.magnitudes.end() && it->first < bin.high; ++it) {
        inside += it->second;
      }
      CHECK(histogram.counts[i] == inside);
    }
  }

  TEST_CASE("F64 magnitudes that no bin is for are told") {
    std::vector<double> values = testing::normal_doubles(1000, 23);
    values[10] = 1e-99;
    values[20] = -1e99;
    values[30] = 0;
    PackedSlice packed(DType::f64, testing::bytes_of(values));
    SliceCounts counts(packed.slice(), Method::bins);
    HarvestSpace space;
    CountingTable table;
    packed.count(table, Method::bins, 0, 15);
    counts.harvest(table, space);
    packed.count(table, Method::bins, 15, 1000);
    counts.harvest(table, space);
    CHECK(counts.out_of_reach() == 2);
  }
}

}  // namespace weightgauge
