#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iterator>
#include <vector>

#include "core/count/code_counter.hpp"
#include "core/count/code_loops.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::uint16_t magnitudes = 0x7FFF;
constexpr std::uint16_t byte_pairs = 0x7F7F;
// Sizes around a page of 1,024 items, and a few that are not multiples of a batch.
constexpr std::size_t sizes[] = {0,    1,    31,   32,   33,   1023,  1024,
                                 1025, 2047, 2048, 3000, 5121, 40'000};

using Counts = std::vector<std::uint32_t>;

Counts counted_plainly(const std::byte* items, std::size_t n, std::uint16_t mask, bool skew) {
  Counts counts(item_codes);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint16_t item = 0;
    std::memcpy(&item, items + 2 * i, 2);
    const unsigned code = item & mask;
    ++counts[skew ? skewed_cell(code) : code];
  }
  return counts;
}

// Items of which about a half has one of two codes; the others are random.
std::vector<std::byte> half_common(std::size_t n, CommonCodes common, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<std::uint16_t> items(n);
  for (std::uint16_t& item : items) {
    const std::uint64_t drawn = random.next();
    item = static_cast<std::uint16_t>(drawn >> 48);
    if (drawn % 2 == 0) {
      item = static_cast<std::uint16_t>((drawn % 4 == 0 ? common.first : common.second) |
                                        (item & 0x8000));  // the sign does not matter
    }
  }
  return testing::bytes_of(items);
}

// Items of which nearly all have one of the codes, of either sign; the others are random.
std::vector<std::byte> mostly(const FewCodes& few, std::size_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<std::uint16_t> items(n);
  for (std::uint16_t& item : items) {
    const std::uint64_t drawn = random.next();
    item = static_cast<std::uint16_t>(drawn >> 48);
    if (few.size > 0 && drawn % 50 != 0) {
      item = static_cast<std::uint16_t>(few.codes[(drawn >> 8) % few.size] | (item & 0x8000));
    }
  }
  return testing::bytes_of(items);
}

// Codes that have two bytes below 0x80.
FewCodes some_codes(std::size_t size) {
  FewCodes few = {};
  few.size = size;
  for (std::size_t c = 0; c < size; ++c) {
    few.codes[c] = static_cast<std::uint16_t>(0x0707 * c & byte_pairs);
  }
  return few;
}

PageNotes notes_of_bf16() {
  PageNotes notes;
  notes.codes = {16, 0xFF80};
  return notes;
}

// Items by their place, for data that are crowded in one way or another.
using Draw = std::function<std::uint16_t(std::size_t i, std::uint64_t drawn)>;
const std::vector<Draw>& kinds() {
  static const std::vector<Draw> all = {
      [](std::size_t, std::uint64_t drawn) { return static_cast<std::uint16_t>(drawn >> 48); },
      [](std::size_t, std::uint64_t) { return std::uint16_t{0}; },
      [](std::size_t, std::uint64_t) { return std::uint16_t{0x3F80}; },
      [](std::size_t i, std::uint64_t) {
        return static_cast<std::uint16_t>(i % 2 == 0 ? 0x3F80 : 0xBF00);
      },
      [](std::size_t i, std::uint64_t) { return static_cast<std::uint16_t>(0x3C00 + i % 3); },
      [](std::size_t, std::uint64_t drawn) {
        return static_cast<std::uint16_t>(drawn % 2 == 0 ? 0 : 0x3C00 + (drawn >> 32) % 700);
      },
      [](std::size_t i, std::uint64_t drawn) {
        return static_cast<std::uint16_t>(i / 200 % 2 == 0 ? 0x8000 : drawn >> 48);
      },
      [](std::size_t, std::uint64_t drawn) {
        return static_cast<std::uint16_t>(0x3C00 + drawn % 16);
      },
      [](std::size_t i, std::uint64_t) { return static_cast<std::uint16_t>(i / 5000); },
      [](std::size_t, std::uint64_t drawn) {  // about half of all bytes are zero
        const std::uint64_t low = drawn % 2 == 0 ? 0 : drawn >> 8 & 0xFF;
        const std::uint64_t high = drawn % 4 < 2 ? 0x80 : drawn >> 16 & 0xFF;
        return static_cast<std::uint16_t>(high << 8 | low);
      },
      [](std::size_t i, std::uint64_t drawn) {  // blocks of zero bytes
        return static_cast<std::uint16_t>(i / 100 % 2 == 0 ? 0 : drawn >> 40);
      },
      [](std::size_t, std::uint64_t drawn) {  // one in a hundred has another code
        return static_cast<std::uint16_t>((drawn >> 8) % 100 == 0 ? drawn >> 32 : 0x8000);
      },
      [](std::size_t i, std::uint64_t) {  // blocks with a code each, and as many codes as blocks
        return static_cast<std::uint16_t>(0x3C00 + i / 128);
      },
  };
  return all;
}

std::vector<std::byte> drawn_items(const Draw& draw, std::size_t n) {
  testing::Random random(41);
  std::vector<std::uint16_t> items(n);
  for (std::size_t i = 0; i < n; ++i) {
    items[i] = draw(i, random.next());
  }
  return testing::bytes_of(items);
}

void check_counted(DType dtype, const std::vector<std::byte>& bytes,
                   const testing::Tally& expected) {
  CAPTURE(dtype_name(dtype));
  CodeCounter counter;
  HarvestSpace space;
  counter.count(dtype, bytes.data(), bytes.size() / item_bytes(dtype), nullptr);
  const Histogram histogram = counter.harvest(dtype, space);
  CHECK(histogram.zeros == expected.zeros);
  CHECK(histogram.nans == expected.nans);
  CHECK(histogram.infs == expected.infs);
  REQUIRE(histogram.size() == expected.magnitudes.size());
  std::size_t i = 0;
  for (const auto& [magnitude, count] : expected.magnitudes) {
    CHECK(magnitude_value(histogram.dtype, histogram.keys[i]) == magnitude);
    CHECK(histogram.counts[i++] == count);
  }
}

void check_at_every_level(DType dtype, const std::vector<std::byte>& bytes) {
  const testing::Tally expected = testing::tally(dtype, bytes);
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    use_kernels(level->level);
    check_counted(dtype, bytes, expected);
  }
  use_kernels("auto");
}

}  // namespace

TEST_SUITE("crowded") {
  TEST_CASE("items with common codes are counted like all others, at every level") {
    constexpr CommonCodes chosen[] = {
        {0, 0, true}, {0, 0x3C00, true}, {0x7F7F, 0x0001, true}, {0x1234, 0x1234, true}};
    for (const CommonCodes common : chosen) {
      const std::vector<std::byte> items = half_common(40'100, common, 42);
      for (const Kernels* const level : available_kernels()) {
        CAPTURE(level->level);
        for (const std::size_t n : sizes) {
          CAPTURE(n);
          for (const std::size_t from : {0U, 1U, 2U, 63U}) {  // bytes; items need not be aligned
            Counts counts(item_codes);
            level->count_common_items(items.data() + from, n, magnitudes, common, counts.data(),
                                      nullptr);
            CHECK(counts == counted_plainly(items.data() + from, n, magnitudes, false));
            Counts skewed(item_codes);
            level->count_common_skewed_pairs(items.data() + from, n, byte_pairs, common,
                                             skewed.data(), nullptr);
            CHECK(skewed == counted_plainly(items.data() + from, n, byte_pairs, true));
          }
        }
      }
    }
  }

  TEST_CASE("whole pages of them are noted as note_pages() notes them") {
    constexpr CommonCodes common = {0, 0x3F80, true};
    std::vector<std::byte> items = half_common(20'100, common, 43);
    std::fill(items.begin() + 5000, items.begin() + 12'000, std::byte{0});
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      PageNotes expected = notes_of_bf16();
      level->note_pages(items.data(), items.size() / page_bytes * page_bytes, expected);
      PageNotes notes = notes_of_bf16();
      Counts counts(item_codes);
      level->count_common_items(items.data(), items.size() / 2, magnitudes, common, counts.data(),
                                &notes);
      CHECK(counts == counted_plainly(items.data(), items.size() / 2, magnitudes, false));
      CHECK(notes.sum == expected.sum);
      CHECK(notes.zero_pages == expected.zero_pages);
      CHECK(notes.negatives == expected.negatives);
      CHECK(notes.page == expected.page);
    }
  }

  TEST_CASE("items with few codes are counted like all others, at every level") {
    for (const std::size_t size : {1U, 3U, 8U, 16U}) {
      CAPTURE(size);
      const FewCodes few = some_codes(size);
      const std::vector<std::byte> items = mostly(few, 40'100, 44);
      for (const Kernels* const level : available_kernels()) {
        CAPTURE(level->level);
        for (const std::size_t n : sizes) {
          CAPTURE(n);
          for (const std::size_t from : {0U, 1U}) {  // bytes
            const std::byte* const begin = items.data() + from;
            Counts counts(item_codes);
            level->count_few_items(begin, n, magnitudes, few, counts.data(), nullptr);
            CHECK(counts == counted_plainly(begin, n, magnitudes, false));
            Counts skewed(item_codes);
            level->count_few_skewed_pairs(begin, n, byte_pairs, few, skewed.data(), nullptr);
            CHECK(skewed == counted_plainly(begin, n, byte_pairs, true));
          }
        }
      }
    }
  }

  TEST_CASE("lanes that count few codes are emptied before they are full") {
    const std::vector<std::byte> zeros(std::size_t{9'000'000});
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      Counts counts(item_codes);
      level->count_few_items(zeros.data(), zeros.size() / 2, magnitudes, some_codes(1),
                             counts.data(), nullptr);
      CHECK(counts[0] == zeros.size() / 2);
    }
  }

  TEST_CASE("loops for few codes and for zero bytes note whole pages as note_pages() does") {
    std::vector<std::byte> items = mostly(some_codes(3), 20'100, 45);
    std::fill(items.begin() + 5000, items.begin() + 12'000, std::byte{0});
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      PageNotes expected = notes_of_bf16();
      level->note_pages(items.data(), items.size() / page_bytes * page_bytes, expected);
      const auto check = [&expected](const PageNotes& notes) {
        CHECK(notes.sum == expected.sum);
        CHECK(notes.zero_pages == expected.zero_pages);
        CHECK(notes.negatives == expected.negatives);
        CHECK(notes.page == expected.page);
      };
      PageNotes few = notes_of_bf16();
      Counts counts(item_codes);
      level->count_few_items(items.data(), items.size() / 2, magnitudes, some_codes(3),
                             counts.data(), &few);
      check(few);
      if (level->drop_zero_bytes != nullptr) {
        PageNotes dropped = notes_of_bf16();
        std::vector<std::byte> kept(items.size() + drop_slack);
        level->drop_zero_bytes(items.data(), items.size(), 0x7F, kept.data(), &dropped);
        check(dropped);
      }
    }
  }

  TEST_CASE("bytes that are zero under a mask are left out, at every level") {
    for (const std::size_t kind : {0U, 1U, 9U, 10U, 11U}) {
      const std::vector<std::byte> bytes = drawn_items(kinds()[kind], 20'050);
      for (const std::uint8_t mask : {std::uint8_t{0x7F}, std::uint8_t{0xFF}, std::uint8_t{0x07}}) {
        for (const std::size_t n : {0U, 1U, 63U, 64U, 2047U, 2048U, 2049U, 40'001U}) {
          CAPTURE(n);
          std::vector<std::byte> expected;
          std::copy_if(bytes.begin() + 1, bytes.begin() + 1 + static_cast<std::ptrdiff_t>(n),
                       std::back_inserter(expected),
                       [mask](std::byte byte) { return (byte & std::byte{mask}) != std::byte{0}; });
          for (const Kernels* const level : available_kernels()) {
            CAPTURE(level->level);
            if (level->drop_zero_bytes == nullptr) {
              continue;
            }
            std::vector<std::byte> kept(n + drop_slack);
            kept.resize(level->drop_zero_bytes(bytes.data() + 1, n, mask, kept.data(), nullptr));
            CHECK(kept == expected);
          }
        }
      }
    }
  }

  TEST_CASE("a sample finds few codes, and whether many bytes are zero") {
    const auto few = [](const Kernels& level, std::size_t kind) {
      const std::vector<std::byte> items = drawn_items(kinds()[kind], 32'768);
      const FewCodes found =
          level.few_codes(level.sample_codes(items.data(), items.size() / 2, magnitudes));
      std::vector<std::uint16_t> codes(found.codes, found.codes + found.size);
      std::sort(codes.begin(), codes.end());
      return codes;
    };
    using Codes = std::vector<std::uint16_t>;
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      CHECK(few(*level, 0).empty());  // any bits
      CHECK(few(*level, 1) == Codes{0});
      CHECK(few(*level, 3) == Codes{0x3F00, 0x3F80});
      CHECK(few(*level, 4) == Codes{0x3C00, 0x3C01, 0x3C02});
      CHECK(few(*level, 5).empty());       // zeros, and as many others
      CHECK(few(*level, 11) == Codes{0});  // zeros, and a few others
      CHECK(few(*level, 12).empty());      // windows have few codes, all items have many
      const auto many_zeros = [level](std::size_t kind) {
        const std::vector<std::byte> pairs = drawn_items(kinds()[kind], 32'768);
        return has_many_zero_bytes(level->sample_codes(pairs.data(), pairs.size() / 2, byte_pairs));
      };
      CHECK(!many_zeros(0));
      CHECK(many_zeros(1));
      CHECK(many_zeros(9));
      CHECK(many_zeros(10));
      const std::vector<std::byte> ones(80'000, std::byte{0xFF});
      for (const CodeSample& none :
           {level->sample_codes(ones.data(), ones.size() / 2, 0xFFFF),
            level->sample_codes(ones.data(), 100, magnitudes)}) {  // too few for a sample
        CHECK(!none.taken);
        CHECK(level->few_codes(none).size == 0);
        CHECK(!level->common_codes(none).apart);
        CHECK(!has_many_zero_bytes(none));
      }
    }
  }

  TEST_CASE("a sample finds the codes that are common, and whether to count them apart") {
    const auto sampled = [](std::size_t kind) {
      const std::vector<std::byte> items = drawn_items(kinds()[kind], 32'768);
      return kernels().common_codes(
          kernels().sample_codes(items.data(), items.size() / 2, magnitudes));
    };
    const CommonCodes one = sampled(2);
    CHECK(one.first == 0x3F80);
    CHECK(!one.apart);  // there are no other codes
    const CommonCodes two = sampled(3);
    CHECK(std::min(two.first, two.second) == 0x3F00);
    CHECK(std::max(two.first, two.second) == 0x3F80);
    CHECK(!two.apart);
    const CommonCodes zeros = sampled(5);
    CHECK(zeros.first == 0);
    CHECK(zeros.apart);
    CHECK(!sampled(4).apart);  // three codes in turn
    CHECK(!sampled(7).apart);  // sixteen codes
  }

  TEST_CASE("no code of all 16 bits is taken for a spare cell") {
    const std::vector<std::byte> items(80'000, std::byte{0xFF});
    const CodeSample sample = kernels().sample_codes(items.data(), items.size() / 2, 0xFFFF);
    CHECK(!kernels().common_codes(sample).apart);
  }

  TEST_CASE("crowded data of every narrow format are counted, at every level") {
    for (const DType dtype :
         {DType::bf16, DType::f16, DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz,
          DType::f8_e5m2fnuz, DType::f8_e8m0, DType::f4, DType::f4_unpacked}) {
      CAPTURE(dtype_name(dtype));
      for (const Draw& draw : kinds()) {
        const std::vector<std::byte> bytes = drawn_items(draw, 70'003);
        check_at_every_level(dtype, bytes);
      }
    }
  }

  TEST_CASE("items of one kind after the other are counted, whatever loop was chosen before") {
    constexpr std::size_t of_a_kind = 40'000;
    std::vector<std::byte> bytes;
    for (const std::size_t kind : {7U, 0U, 1U, 9U, 5U, 3U, 12U, 2U, 10U, 11U, 0U}) {
      const std::vector<std::byte> drawn = drawn_items(kinds()[kind], of_a_kind);
      bytes.insert(bytes.end(), drawn.begin(), drawn.end());
    }
    for (const DType dtype : {DType::bf16, DType::f8_e4m3, DType::f8_e5m2}) {
      check_at_every_level(dtype, bytes);
    }
  }

  TEST_CASE("zeros in blocks are found by items that lie apart") {
    // Windows met no block of zeros, and one item in four of those apart did.
    CodeSample sample = {};
    sample.taken = true;
    std::fill(std::begin(sample.codes), std::end(sample.codes), std::uint16_t{0x3C3C});
    std::fill(std::begin(sample.apart), std::end(sample.apart), std::uint16_t{0x3C3C});
    CHECK(!has_many_zero_bytes(sample));
    std::fill(std::begin(sample.apart), std::begin(sample.apart) + sampled_apart / 4,
              std::uint16_t{0});
    CHECK(has_many_zero_bytes(sample));
  }

  TEST_CASE("skewed rows have a cell for every pair, and leave the spare cells free") {
    std::vector<int> used(skewed_cells);
    for (unsigned pair = 0; pair <= byte_pairs; ++pair) {
      if ((pair & ~unsigned{byte_pairs}) == 0) {
        ++used[skewed_cell(pair)];
      }
    }
    CHECK(*std::max_element(used.begin(), used.end()) == 1);
    CHECK(std::all_of(used.begin() + spare_cell, used.begin() + spare_cell + spare_cells,
                      [](int n) { return n == 0; }));
  }
}

}  // namespace weightgauge
