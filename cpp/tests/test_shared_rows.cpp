#include <doctest/doctest.h>

#include "core/kernels/kernels.hpp"
#include "core/scan/shared_rows.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// `slices` matrices lie side by side in rows of `row` bytes. Each is `width` items wide, with
// `stride` bytes from item to item and `apart` bytes from matrix to matrix.
struct Layout {
  const char* name;
  bool together;  // whether they should be read in one pass
  DType dtype;
  std::uint64_t rows;
  std::int64_t row;
  std::uint64_t width;
  std::int64_t stride;
  std::uint64_t slices;
  std::uint64_t apart;
};

constexpr std::uint64_t start = 6;  // offset of the first slice, which is not aligned

// Slices are read together from 32,768 items on.
constexpr Layout layouts[] = {
    {"heads of 64 columns", true, DType::bf16, 1000, 24 * 128, 64, 2, 24, 128},
    {"heads of 37 columns and a gap", true, DType::f16, 1001, 5 * 74 + 6, 37, 2, 5, 74},
    {"more heads than are read together", true, DType::bf16, 2100, 70 * 32, 16, 2, 70, 32},
    {"heads of 3 columns", true, DType::bf16, 40'000, 12, 3, 2, 2, 6},
    {"every other item", true, DType::bf16, 1, 1, 190'001, 4, 2, 2},
    {"every other item of rows", true, DType::f16, 77, 4 * 501 + 10, 501, 4, 2, 2},
    {"every third item of rows", false, DType::f16, 77, 3 * 2 * 501, 501, 6, 3, 2},
    {"columns of bytes", false, DType::f8_e4m3, 500, 4 * 400, 400, 1, 4, 400},
    {"every other byte", false, DType::f8_e5m2fnuz, 1, 1, 200'003, 2, 2, 1},
    {"pairs of columns of F32", false, DType::f32, 400, 2 * 4 * 500, 500, 4, 2, 2000},
};

std::vector<SliceSpec> slices_of(const Layout& layout) {
  std::vector<SliceSpec> slices;
  for (std::uint64_t i = 0; i < layout.slices; ++i) {
    slices.push_back(
        {0, normalised_view(layout.dtype, static_cast<std::int64_t>(start + i * layout.apart),
                            {{layout.rows, layout.row}, {layout.width, layout.stride}})});
  }
  return slices;
}

std::size_t size_of(const Layout& layout) {
  return static_cast<std::size_t>(start +
                                  (layout.rows - 1) * static_cast<std::uint64_t>(layout.row) +
                                  (layout.width - 1) * static_cast<std::uint64_t>(layout.stride) +
                                  (layout.slices - 1) * layout.apart + item_bytes(layout.dtype));
}

std::vector<std::byte> items_of(const Layout& layout, std::uint64_t slice,
                                const std::vector<std::byte>& memory) {
  std::vector<std::byte> items;
  for (std::uint64_t row = 0; row < layout.rows; ++row) {
    for (std::uint64_t column = 0; column < layout.width; ++column) {
      const auto at = memory.begin() + static_cast<std::ptrdiff_t>(start + slice * layout.apart) +
                      static_cast<std::ptrdiff_t>(row) * layout.row +
                      static_cast<std::ptrdiff_t>(column) * layout.stride;
      items.insert(items.end(), at, at + static_cast<std::ptrdiff_t>(item_bytes(layout.dtype)));
    }
  }
  return items;
}

using Sources = std::vector<std::unique_ptr<ByteSource>>;

// Scans the slices one at a time, each copied to memory of its own.
std::uint64_t expected_hash(const Layout& layout, const std::vector<std::byte>& memory) {
  std::vector<SliceResult> results;
  for (std::uint64_t i = 0; i < layout.slices; ++i) {
    results.push_back(testing::scan_bytes(layout.dtype, items_of(layout, i, memory),
                                          testing::keeping(1, 1 << 20)));
  }
  return testing::hash_of(results);
}

std::uint64_t hash_together(const Layout& layout, const Sources& sources, int threads,
                            std::size_t chunk_bytes) {
  Control control;
  const std::vector<SliceSpec> slices = slices_of(layout);
  const std::uint64_t hash = testing::hash_of(
      scan(sources, slices, testing::keeping(threads, chunk_bytes), control, testing::no_watch));
  CHECK(control.bytes_done ==
        layout.slices * layout.rows * layout.width * item_bytes(layout.dtype));
  return hash;
}

// Instruction sets to count with. They make no difference to races between threads, and the
// sanitizer that looks for these takes its time.
std::vector<const Kernels*> levels() {
#ifdef __SANITIZE_THREAD__
  return {available_kernels().back()};
#else
  return available_kernels();
#endif
}

}  // namespace

TEST_SUITE("shared_rows") {
  TEST_CASE("count as they do one by one, for all threads, chunks and instruction sets") {
    for (const Layout& layout : layouts) {
      CAPTURE(layout.name);
      const std::vector<std::byte> memory = testing::random_bytes(size_of(layout), 31);
      Sources sources;
      sources.push_back(std::make_unique<MemorySource>(memory.data(), memory.size()));
      const std::uint64_t expected = expected_hash(layout, memory);
      for (const Kernels* const level : levels()) {
        CAPTURE(level->level);
        use_kernels(level->level);
        for (const int threads : testing::thread_counts({1, 7})) {
          const std::size_t chunk_bytes = threads == 1 ? std::size_t{1} << 20 : 3'001;
          CHECK(hash_together(layout, sources, threads, chunk_bytes) == expected);
        }
      }
      use_kernels("auto");
      // How rows are shared does not depend on the instruction set.
      for (const int threads : testing::thread_counts({2, 7})) {
        CHECK(hash_together(layout, sources, threads, std::size_t{1} << 20) == expected);
      }
      for (const int threads : testing::thread_counts({1, 2})) {
        CHECK(hash_together(layout, sources, threads, 3'001) == expected);
      }
    }
  }

  TEST_CASE("count the same where most neighbours are equal") {
    for (const Layout& layout : layouts) {
      CAPTURE(layout.name);
      std::vector<std::byte> memory = testing::random_bytes(size_of(layout), 32);
      std::fill(memory.begin(), memory.begin() + static_cast<std::ptrdiff_t>(memory.size() / 2),
                std::byte{0x11});
      Sources sources;
      sources.push_back(std::make_unique<MemorySource>(memory.data(), memory.size()));
      const std::uint64_t expected = expected_hash(layout, memory);
      for (const Kernels* const level : levels()) {
        use_kernels(level->level);
        CHECK(hash_together(layout, sources, 2, 1 << 20) == expected);
      }
      use_kernels("auto");
    }
  }

  TEST_CASE("count the same from a file, mapped or read") {
    for (const Layout& layout : layouts) {
      CAPTURE(layout.name);
      const std::vector<std::byte> memory = testing::random_bytes(size_of(layout), 33);
      const testing::TemporaryFile file(memory);
      const std::uint64_t expected = expected_hash(layout, memory);
      for (const Io io : {Io::mmap, Io::pread}) {
        Sources sources;
        sources.push_back(open_file(file.path(), file.identity(), io));
        CHECK(hash_together(layout, sources, 2, 1 << 16) == expected);
      }
    }
  }

  TEST_CASE("are those that share rows or cache lines") {
    for (const Layout& layout : layouts) {
      CAPTURE(layout.name);
      std::vector<std::size_t> together;
      std::size_t sets = 0;
      for (const std::vector<std::size_t>& set : sets_in_shared_rows(slices_of(layout))) {
        CHECK(set.size() <= SharedRows::most_slices);
        together.insert(together.end(), set.begin(), set.end());
        ++sets;
      }
      CHECK((sets > 1) == (together.size() > SharedRows::most_slices));
      CHECK(together.size() == (layout.together ? layout.slices : 0));
    }
    // They lie one after the other and share no rows.
    const View first = contiguous_view(DType::bf16, 0, 5000);
    const View second = contiguous_view(DType::bf16, 10'000, 5000);
    CHECK(sets_in_shared_rows({{0, first}, {0, second}}).empty());
    // They lie in the same place of two files.
    const View columns = normalised_view(DType::bf16, 0, {{1000, 800}, {200, 2}});
    CHECK(sets_in_shared_rows({{0, columns}, {1, columns}}).empty());
    // They are so small that one pass for each costs less.
    const View small = normalised_view(DType::bf16, 0, {{100, 800}, {200, 2}});
    const View small_too = normalised_view(DType::bf16, 400, {{100, 800}, {200, 2}});
    CHECK(sets_in_shared_rows({{0, small}, {0, small_too}}).empty());
    // There is much between them that is not wanted.
    const View far = normalised_view(DType::bf16, 0, {{1000, 20'000}, {200, 2}});
    const View far_too = normalised_view(DType::bf16, 10'000, {{1000, 20'000}, {200, 2}});
    CHECK(sets_in_shared_rows({{0, far}, {0, far_too}}).empty());
    // Their widths differ.
    const View others = normalised_view(DType::bf16, 400, {{1000, 800}, {100, 2}});
    CHECK(sets_in_shared_rows({{0, columns}, {0, others}}).empty());
    // Both have every other item, but the same ones.
    const View even = normalised_view(DType::bf16, 0, {{100'000, 4}});
    CHECK(sets_in_shared_rows({{0, even}, {0, even}}).empty());
    // Their rows are long enough to be counted without packing.
    const View long_rows = normalised_view(DType::bf16, 0, {{100, 8192}, {2048, 2}});
    const View long_too = normalised_view(DType::bf16, 4096, {{100, 8192}, {2048, 2}});
    CHECK(sets_in_shared_rows({{0, long_rows}, {0, long_too}}).empty());
  }

  TEST_CASE("are listed by their offsets, whatever their order") {
    const auto column = [](std::int64_t offset) {
      return normalised_view(DType::bf16, offset, {{1000, 600}, {100, 2}});
    };
    const std::vector<SliceSpec> slices = {{0, column(400)},
                                           {0, contiguous_view(DType::bf16, 0, 9)},
                                           {0, column(0)},
                                           {0, column(200)}};
    const std::vector<std::vector<std::size_t>> sets = sets_in_shared_rows(slices);
    REQUIRE(sets.size() == 1);
    CHECK(sets[0] == std::vector<std::size_t>{2, 3, 0});
  }
}

}  // namespace weightgauge
