#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "core/count/byte_notes.hpp"
#include "core/count/counting_table.hpp"
#include "core/kernels/kernels.hpp"
#include "core/scan/tensor_pages.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;
constexpr std::size_t sizes[] = {0, 1, 8, 64, 100, 2047, 2048, 2049, 4096, 20'000};
constexpr std::size_t steps[] = {1, 3, 7, 20};  // pages of a part

std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

std::uint64_t drawn(std::uint64_t number) { return scrambled(number * golden); }

// The sum of the pages' words, one 64-bit number after the other.
std::uint64_t plain_page_sum(std::vector<std::byte> bytes) {
  bytes.resize((bytes.size() + page_bytes - 1) / page_bytes * page_bytes);
  std::uint64_t sum = 0;
  for (std::size_t page = 0; page < bytes.size() / page_bytes; ++page) {
    std::array<std::uint64_t, 8> lanes{};
    for (std::size_t i = 0; i < page_bytes / 8; ++i) {
      const std::size_t lane = i % 8;
      std::uint64_t x = 0;
      std::memcpy(&x, bytes.data() + page * page_bytes + 8 * i, 8);
      x ^= drawn(1 + lane) + i / 8 * (drawn(9 + lane) | 1);
      lanes[lane] += x + (x & 0xFFFFFFFFU) * (x >> 32);
    }
    std::uint64_t weighted = 0;
    for (std::size_t lane = 0; lane < 8; ++lane) {
      weighted += lanes[lane] * (drawn(17 + lane) | 1);
    }
    sum += scrambled(weighted + golden * page);
  }
  return sum;
}

std::uint64_t plain_negatives(DType dtype, const std::vector<std::byte>& bytes) {
  const std::size_t item = item_bytes(dtype);
  std::uint64_t found = 0;
  for (std::size_t at = 0; at + item <= bytes.size(); at += item) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + at, item);
    for (std::uint64_t half = 0; half < elements_per_item(dtype); ++half, bits >>= 4) {
      const double value = testing::reference_value(dtype, bits);
      found += std::isfinite(value) && value < 0 ? 1 : 0;
    }
  }
  return found;
}

bool same(const ByteNotes& a, const ByteNotes& b) {
  return a.page_sum == b.page_sum && a.zero_pages == b.zero_pages && a.negatives == b.negatives;
}

// Calls check() with the loops of each level in use.
template <class Check>
void for_each_level(Check&& check) {
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    use_kernels(level->level);
    check();
  }
  use_kernels("auto");
}

constexpr DType formats[] = {DType::f64,     DType::f32,     DType::f16,         DType::bf16,
                             DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz,
                             DType::f8_e8m0, DType::f4,      DType::f4_unpacked};

}  // namespace

TEST_SUITE("page_notes") {
  TEST_CASE("pages are noted as the definition says, at every level") {
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      const std::vector<std::byte> bytes = testing::random_bytes(size, size);
      const std::uint64_t expected = plain_page_sum(bytes);
      for_each_level(
          [&] { CHECK(notes_of(DType::f8_e8m0, bytes.data(), size, 0).page_sum == expected); });
    }
  }

  TEST_CASE("negative elements of every format are counted, at every level") {
    for (const DType dtype : formats) {
      CAPTURE(dtype_name(dtype));
      const std::vector<std::byte> bytes = testing::random_bytes(30'000, 3);
      const std::uint64_t expected = plain_negatives(dtype, bytes);
      CHECK((expected > 0) == (dtype != DType::f8_e8m0));
      for_each_level([&] {
        const std::size_t items = bytes.size() / item_bytes(dtype);
        CHECK(notes_of(dtype, bytes.data(), items, 0).negatives == expected);
      });
    }
  }

  TEST_CASE("what is noted while items are counted is what is noted of them alone") {
    std::vector<std::byte> bytes = testing::random_bytes(300'000, 8);
    std::fill(bytes.begin() + 5000, bytes.begin() + 50'000, std::byte{0});  // crowded as well
    for (const DType dtype : formats) {
      CAPTURE(dtype_name(dtype));
      const Method method = is_wide(dtype) ? Method::bins : Method::codes;
      const std::size_t items = bytes.size() / item_bytes(dtype);
      const ByteNotes expected = notes_of(dtype, bytes.data(), items, 7);
      CHECK(expected.zero_pages == 21);  // 5,000 to 50,000 covers the pages 3 to 23
      for_each_level([&] {
        CountingTable table;
        HarvestSpace space;
        table.count(method, dtype, bytes.data(), items, nullptr, {true, true, 7});
        const Histogram noted = table.harvest(method, dtype, most_bins_of_fit, space);
        CHECK(same(table.harvest_notes(), expected));
        table.count(method, dtype, bytes.data(), items, nullptr);
        const Histogram alone = table.harvest(method, dtype, most_bins_of_fit, space);
        CHECK(same(table.harvest_notes(), {}));
        CHECK(noted.counts == alone.counts);
        CHECK(noted.keys == alone.keys);
        CHECK(noted.residuals == alone.residuals);
      });
    }
  }

  TEST_CASE("parts of a tensor at fixed places add up to the whole") {
    const std::vector<std::byte> bytes = testing::random_bytes(20 * page_bytes + 77, 5);
    const ByteNotes whole = notes_of(DType::bf16, bytes.data(), bytes.size() / 2, 0);
    for (const std::size_t pages : steps) {
      ByteNotes sum;
      for (std::size_t from = 0; from < bytes.size(); from += pages * page_bytes) {
        const std::size_t size = std::min(pages * page_bytes, bytes.size() - from);
        sum.add(notes_of(DType::bf16, bytes.data() + from, size / 2, from / page_bytes));
      }
      CHECK(same(sum, whole));
    }
  }

  TEST_CASE("pages come together however a tensor's bytes are cut") {
    constexpr std::uint64_t offset = 1001;
    std::vector<std::byte> bytes = testing::random_bytes(9 * page_bytes + 500, 6);
    std::fill(bytes.begin() + 3000, bytes.begin() + 9000, std::byte{0});
    const ByteNotes whole = notes_of(DType::f8_e8m0, bytes.data(), bytes.size(), 0);
    testing::Random random(1);
    for (int turn = 0; turn < 50; ++turn) {
      std::vector<ByteRange> ranges;
      for (std::uint64_t at = 0; at < bytes.size();) {
        const std::uint64_t step = 1 + random.next() % (turn % 5 == 0 ? 40 : 6000);
        const std::uint64_t end = std::min<std::uint64_t>(bytes.size(), at + step);
        ranges.push_back({at, end});
        at = end;
      }
      for (std::size_t i = ranges.size(); i > 1; --i) {
        std::swap(ranges[i - 1], ranges[random.next() % i]);
      }
      TensorPages pages({offset, offset + bytes.size()});
      for (const ByteRange range : ranges) {
        pages.add({offset + range.begin, offset + range.end}, bytes.data() + range.begin);
      }
      CHECK(same(pages.notes(), whole));
    }
  }

  TEST_CASE("every flipped bit of a page changes its word") {
    std::vector<std::byte> page = testing::random_bytes(page_bytes, 2);
    const auto word = [&page] {
      return notes_of(DType::f8_e8m0, page.data(), page_bytes, 0).page_sum;
    };
    const std::uint64_t before = word();
    std::size_t unchanged = 0;
    for (std::size_t bit = 0; bit < 8 * page_bytes; ++bit) {
      const auto flip = static_cast<std::byte>(1U << (bit % 8));
      page[bit / 8] ^= flip;
      unchanged += word() == before ? 1 : 0;
      page[bit / 8] ^= flip;
    }
    CHECK(unchanged == 0);
  }

  TEST_CASE("digests tell lengths apart") {
    CHECK(digest_of(5, 0) != digest_of(5, 1));
    CHECK(digest_of(0, 0) == golden);
  }
}

}  // namespace weightgauge
