#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <stdexcept>
#include <utility>

#include "core/io/stretches.hpp"
#include "core/io/view.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// The byte offsets of all elements, computed from the strides as given.
std::vector<std::int64_t> offsets_of(std::int64_t offset, const std::vector<Dim>& dims) {
  std::vector<std::int64_t> offsets = {offset};
  for (const Dim& dim : dims) {
    std::vector<std::int64_t> next;
    for (const std::int64_t base : offsets) {
      for (std::uint64_t i = 0; i < dim.extent; ++i) {
        next.push_back(base + static_cast<std::int64_t>(i) * dim.stride);
      }
    }
    offsets = next;
  }
  return offsets;
}

// The byte offsets that the runs of items first..last-1 visit.
std::vector<std::int64_t> visited(const View& view, std::uint64_t first, std::uint64_t last) {
  std::vector<std::int64_t> offsets;
  for_each_run(view, first, last, [&](const Run& run) {
    for (std::uint64_t i = 0; i < run.items; ++i) {
      offsets.push_back(static_cast<std::int64_t>(run.offset + i * run.stride));
    }
  });
  return offsets;
}

std::uint64_t runs_of(const View& view) {
  std::uint64_t runs = 0;
  for_each_run(view, 0, view.items(), [&runs](const Run&) { ++runs; });
  return runs;
}

void check_same_elements(std::int64_t offset, const std::vector<Dim>& dims) {
  const View view = normalised_view(DType::f32, offset, dims);
  std::vector<std::int64_t> expected = offsets_of(offset, dims);
  std::vector<std::int64_t> actual = visited(view, 0, view.items());
  std::sort(expected.begin(), expected.end());
  std::sort(actual.begin(), actual.end());
  CHECK(actual == expected);
}

}  // namespace

TEST_SUITE("view") {
  TEST_CASE("a contiguous array of any rank is one run") {
    const View view = normalised_view(DType::f32, 0, {{2, 60}, {3, 20}, {5, 4}});
    CHECK(view.items() == 30);
    CHECK(view.dims.size() == 1);
    CHECK(runs_of(view) == 1);
  }

  TEST_CASE("order of dimensions and signs of strides do not matter") {
    for (const auto& dims :
         {std::vector<Dim>{{5, 4}, {3, 20}, {2, 60}}, std::vector<Dim>{{2, 60}, {5, 4}, {3, 20}}}) {
      CHECK(runs_of(normalised_view(DType::f32, 0, dims)) == 1);
    }
    // With all strides negative, element [0, ..., 0] is the last one in memory.
    const View reversed = normalised_view(DType::f32, 116, {{2, -60}, {3, -20}, {5, -4}});
    CHECK(reversed.offset == 0);
    CHECK(runs_of(reversed) == 1);
  }

  TEST_CASE("every element is visited exactly once") {
    check_same_elements(0, {});
    check_same_elements(12, {{1, 400}});
    check_same_elements(0, {{7, 8}});             // every other column
    check_same_elements(40, {{3, -16}, {4, 4}});  // rows reversed
    check_same_elements(0, {{4, 4}, {3, 20}});    // transposed, with padding
    check_same_elements(0, {{3, 0}, {4, 4}});     // broadcast
    check_same_elements(0, {{4, 4}, {3, 4}});     // sliding window: elements occur several times
    check_same_elements(100, {{2, 100}, {1, 7}, {3, -12}, {5, 36}});
  }

  TEST_CASE("random views visit what their strides say") {
    testing::Random random(1);
    for (int round = 0; round < 300; ++round) {
      std::vector<Dim> dims(random.next() % 5);
      for (Dim& dim : dims) {
        dim.extent = 1 + random.next() % 5;
        dim.stride = static_cast<std::int64_t>(random.next() % 41) - 20;
      }
      check_same_elements(1000, dims);
    }
  }

  TEST_CASE("a dimension of no extent leaves nothing") {
    const View view = normalised_view(DType::f32, 8, {{3, 4}, {0, 12}});
    CHECK(view.items() == 0);
    CHECK(runs_of(view) == 0);
  }

  TEST_CASE("a view of a file may be as long as the file and no longer") {
    // There are two rows of three items, 40 bytes apart. The last item ends at 10 + 40 + 8 + 4.
    const std::vector<Dim> dims = {{2, 40}, {3, 4}};
    CHECK(checked_view(DType::f32, 10, dims, 62).items() == 6);
    CHECK_THROWS_AS(checked_view(DType::f32, 10, dims, 61), std::invalid_argument);
    CHECK_THROWS_AS(checked_view(DType::f32, 11, dims, 62), std::invalid_argument);
    CHECK_THROWS_AS(checked_view(DType::f32, 63, {}, 62), std::invalid_argument);
    const View whole = checked_view(DType::f32, 10, {{5, 4}}, 30);
    CHECK(whole.offset == 10);
    CHECK(runs_of(whole) == 1);
    CHECK(whole.end() == 30);
    CHECK_THROWS_AS(checked_view(DType::f32, 10, {{5, 4}}, 29), std::invalid_argument);
    CHECK_THROWS_AS(checked_view(DType::f32, 31, {{5, 4}}, 30), std::invalid_argument);
    CHECK(checked_view(DType::f32, 58, {}, 62).items() == 1);
    CHECK(checked_view(DType::f32, 999, {{5, 4}, {0, -3}}, 62).items() == 0);
  }

  TEST_CASE("no number of a view of a file overflows") {
    const std::uint64_t huge = std::uint64_t{1} << 63;
    const std::int64_t wide = std::numeric_limits<std::int64_t>::max();
    for (const auto& dims :
         {std::vector<Dim>{{huge, 2}}, std::vector<Dim>{{~0ULL, wide}},
          std::vector<Dim>{{huge, 4}, {2, 2}}, std::vector<Dim>{{2, wide}, {2, wide - 1}},
          std::vector<Dim>{{std::uint64_t{1} << 32, 2}, {std::uint64_t{1} << 32, wide}}}) {
      CHECK_THROWS_AS(checked_view(DType::bf16, 0, dims, 1000), std::invalid_argument);
    }
    CHECK_THROWS_AS(checked_view(DType::bf16, ~0ULL, {{2, 2}}, 1000), std::invalid_argument);
  }

  TEST_CASE("a view of a file counts no byte twice and runs forward") {
    for (const auto& dims :
         {std::vector<Dim>{{3, 0}, {4, 4}}, std::vector<Dim>{{4, 4}, {3, 4}},
          std::vector<Dim>{{2, 12}, {4, 4}}, std::vector<Dim>{{5, 3}}, std::vector<Dim>{{4, -4}}}) {
      CHECK_THROWS_AS(checked_view(DType::f32, 100, dims, 1000), std::invalid_argument);
    }
    CHECK(checked_view(DType::f32, 0, {{4, 4}, {1, 0}}, 16).items() == 4);
  }

  TEST_CASE("parts of a view join to the whole") {
    const View view = normalised_view(DType::f32, 0, {{4, 100}, {3, 24}, {5, 4}});
    const std::vector<std::int64_t> whole = visited(view, 0, view.items());
    for (std::uint64_t cut = 0; cut <= view.items(); ++cut) {
      std::vector<std::int64_t> joined = visited(view, 0, cut);
      const std::vector<std::int64_t> rest = visited(view, cut, view.items());
      joined.insert(joined.end(), rest.begin(), rest.end());
      CHECK(joined == whole);
    }
  }

  TEST_CASE("stretches hand over the items of strided runs, however long") {
    // Every other item; together they are a little more than the buffer holds twice.
    const std::size_t items = 2 * ReadBuffer::bytes / sizeof(float) + 3;
    const std::vector<float> values = testing::normal_floats(2 * items, 5);
    const std::vector<std::byte> bytes = testing::bytes_of(values);
    const MemorySource source(bytes.data(), bytes.size());
    const View view = normalised_view(DType::f32, 0, {{items, 8}});
    ReadBuffer buffer;
    std::vector<float> seen;
    for_each_stretch(source, view, 0, items, buffer, [&](const std::byte* packed, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        float value = 0;
        std::memcpy(&value, packed + i * sizeof value, sizeof value);
        seen.push_back(value);
      }
    });
    REQUIRE(seen.size() == items);
    bool same = true;
    for (std::size_t i = 0; i < items; ++i) {
      same = same && seen[i] == values[2 * i];
    }
    CHECK(same);
  }

  TEST_CASE("two elements an item in packed four-bit formats") {
    CHECK(contiguous_view(DType::f4, 0, 5).elements() == 10);
    CHECK(contiguous_view(DType::f4_unpacked, 0, 5).elements() == 5);
  }
}

}  // namespace weightgauge
