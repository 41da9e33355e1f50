#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/count/multiples.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using Counts = std::array<std::uint64_t, 4>;
constexpr Counts some_before = {7, 5, 3, 1};

// One code after the other.
Counts counted_plainly(const std::byte* bytes, std::size_t n, unsigned first, unsigned last) {
  Counts counts = some_before;
  for (std::size_t i = 0; i < n; ++i) {
    for (unsigned place = first; place <= last; ++place) {
      ++counts[std::to_integer<unsigned>(bytes[i]) >> (2 * place) & 3U];
    }
  }
  return counts;
}

void check_counts(const std::byte* bytes, std::size_t n) {
  CAPTURE(n);
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    Counts all = some_before;
    level->groups.count_two_bits(bytes, n, all.data());
    CHECK(all == counted_plainly(bytes, n, 0, 3));
    for (unsigned place = 0; place < 4; ++place) {
      Counts one = some_before;
      level->groups.count_quarter(bytes, n, place, one.data());
      CHECK(one == counted_plainly(bytes, n, place, place));
    }
  }
}

// What is counted of some items of a matrix of three rows in each quarter, by multiple from -1 on.
class Quarters {
 public:
  static constexpr std::uint64_t columns = 37;
  static constexpr std::uint64_t in_quarter = 3 * columns;
  static constexpr std::uint64_t items = 4 * in_quarter;

  Quarters()
      : bytes_(testing::random_bytes(in_quarter, 78)),
        source_(bytes_.data(), bytes_.size()),
        scale_source_(reinterpret_cast<const std::byte*>(&scale_), sizeof scale_),
        decoding_({Packing::quarters, 12, columns, 1, columns, false, true, 0},
                  {&source_, 0, in_quarter, FloatReader(scale_source_, DType::f32, 0, 1), {}, {}}) {
  }

  template <class Count>
  Counts counted(const Count& count) const {
    ReadBuffer buffer;
    MultipleCounts counts;
    count(decoding_, buffer, counts);
    Counts found{};
    std::uint64_t all = 0;
    for (std::size_t code = 0; code < found.size(); ++code) {
      found[code] = counts.cells[MultipleCounts::zero - 1 + code];
      all += found[code];
    }
    CHECK(counts.in_cells == all);
    return found;
  }
  Counts plainly(std::uint64_t first, std::uint64_t last) const {
    Counts counts{};
    for (std::uint64_t item = first; item < last; ++item) {
      const auto byte = std::to_integer<unsigned>(bytes_[item % in_quarter]);
      ++counts[byte >> (2 * (item / in_quarter)) & 3U];
    }
    return counts;
  }

 private:
  float scale_ = 3;
  std::vector<std::byte> bytes_;
  MemorySource source_;
  MemorySource scale_source_;
  PackedCodes decoding_;
};

}  // namespace

TEST_SUITE("quarters") {
  TEST_CASE("codes of two bits are counted one by one, at every level") {
    const std::vector<std::byte> bytes = testing::random_bytes(80'000, 77);
    for (std::size_t n = 0; n <= 1100; ++n) {
      check_counts(bytes.data() + n % 5, n);
    }
    for (const std::size_t n : {2047U, 2048U, 2049U, 31'744U, 31'745U, 32'768U, 79'990U}) {
      check_counts(bytes.data() + 3, n);
    }
  }

  TEST_CASE("sums of one code do not overflow") {
    for (const unsigned byte : {0x00U, 0x55U, 0xAAU, 0xFFU}) {
      const std::vector<std::byte> same(200'001, static_cast<std::byte>(byte));
      check_counts(same.data(), same.size());
    }
  }

  TEST_CASE("runs of rows have their codes, and parts of a whole matrix have all of them once") {
    const Quarters quarters;
    for (const std::uint64_t first : {0U, 1U, 36U, 111U, 200U}) {
      for (const std::uint64_t last : {201U, 222U, 223U, 443U, 444U}) {
        CAPTURE(first);
        CAPTURE(last);
        CHECK(quarters.counted(
                  [&](const PackedCodes& codes, ReadBuffer& buffer, MultipleCounts& counts) {
                    codes.count_multiples({first, last - first, 1}, buffer, counts, nullptr);
                  }) == quarters.plainly(first, last));
        CHECK(quarters.counted(
                  [&](const PackedCodes& codes, ReadBuffer& buffer, MultipleCounts& counts) {
                    REQUIRE(codes.items_in_any_order() == Quarters::items);
                    codes.count_in_any_order(0, first, buffer, counts, nullptr);
                    codes.count_in_any_order(first, last, buffer, counts, nullptr);
                    codes.count_in_any_order(last, Quarters::items, buffer, counts, nullptr);
                  }) == quarters.plainly(0, Quarters::items));
      }
    }
  }
}

}  // namespace weightgauge
