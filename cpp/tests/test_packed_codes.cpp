#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/count/multiples.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/decode/value_reader.hpp"
#include "core/fit/weibull.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"
#include "core/two_way/magnitude_table.hpp"
#include "core/two_way/sums.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t codes_at = 5;

// Random bytes as a matrix of packed codes with scales of F16 and, if need be, zeros.
struct Packed {
  Packed(Packing packing, std::uint64_t rows, std::uint64_t columns, std::uint64_t group,
         bool with_zeros)
      : Packed({packing, rows, columns, columns / group, group, packing != Packing::along_rows,
                false, 0},
               with_zeros) {}
  Packed(const PackedForm& packed_form, bool with_zeros)
      : form(packed_form),
        bytes(form.rows * form.columns / 2),
        codes(testing::random_bytes(codes_at + bytes, 61)),
        scales(testing::random_bytes(2 * form.rows * form.groups, 62)),
        zeros(testing::random_bytes(form.rows / 2 * form.groups, 63)),
        source(codes.data(), codes.size()),
        scale_source(scales.data(), scales.size()),
        zero_source(zeros.data(), zeros.size()),
        decoding(form, parts(with_zeros)) {}

  PackedParts parts(bool with_zeros) const {
    PackedParts made{&source, codes_at,
                     bytes,   FloatReader(scale_source, DType::f16, 0, scales.size() / 2),
                     {},      {}};
    if (with_zeros) {
      made.zeros = StoredWords{&zero_source, 0, zeros.size() / 4};
    }
    return made;
  }

  PackedForm form;
  std::uint64_t bytes;
  std::vector<std::byte> codes;
  std::vector<std::byte> scales;
  std::vector<std::byte> zeros;
  MemorySource source;
  MemorySource scale_source;
  MemorySource zero_source;
  PackedCodes decoding;
};

View view_of(const PackedCodes& packed) {
  return made_view(packed.items(),
                   std::shared_ptr<const Decoding>(&packed, [](const Decoding*) {}));
}

// The sums by row and column of a sample of a matrix, all of whose magnitudes have terms. The view
// has its values.
TwoWaySums sums_of(const PackedCodes& packed, const ByteSource& source, const View& view,
                   const Sample& sample) {
  ReadBuffer buffer;
  MultipleCounts counts;
  packed.count_multiples({0, packed.items(), 1}, buffer, counts, nullptr);
  const Histogram histogram = take_multiples(counts).histogram;
  FitSpace space;
  fit_histogram(histogram, histogram.n(), Trim::mid_80, Zeros::exclude, space);
  const MagnitudeTable table(histogram, space.plot, space.influences, false);
  return two_way_sums(source, view, sample, 0, sample.rows.size(), table, buffer);
}

// What the values of a run are, one by one.
struct Tally {
  std::map<std::uint64_t, std::uint64_t> counts;  // by key
  std::uint64_t zeros = 0;
  std::uint64_t infs = 0;
  std::uint64_t nans = 0;
  std::uint64_t negatives = 0;
};

Tally tally_of_values(const Packed& packed, const Run& run) {
  Tally tally;
  ReadBuffer buffer;
  packed.decoding.decode(packed.source, run, buffer, [&](const std::byte* values, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      float value = 0;
      std::memcpy(&value, values + 4 * i, sizeof value);
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      tally.negatives += std::isfinite(value) && value < 0 ? 1 : 0;
      if (std::isnan(value)) {
        ++tally.nans;
      } else if (std::isinf(value)) {
        ++tally.infs;
      } else if (value == 0) {
        ++tally.zeros;
      } else {
        ++tally.counts[bits & 0x7FFFFFFFU];
      }
    }
  });
  return tally;
}

void check_run(const Packed& packed, const Run& run) {
  const Tally expected = tally_of_values(packed, run);
  ReadBuffer buffer;
  MultipleCounts counts;
  packed.decoding.count_multiples(run, buffer, counts, nullptr);
  for (int time = 0; time < 2; ++time) {  // nothing is left behind
    const auto [histogram, negatives] = take_multiples(counts);
    if (time == 1) {
      CHECK(histogram.keys.empty());
      CHECK(histogram.zeros + histogram.nans + histogram.infs + negatives == 0);
      break;
    }
    std::map<std::uint64_t, std::uint64_t> found;
    for (std::size_t i = 0; i < histogram.size(); ++i) {
      found[histogram.keys[i]] = histogram.counts[i];
    }
    CHECK(std::is_sorted(histogram.keys.begin(), histogram.keys.end()));
    CHECK(found == expected.counts);
    CHECK(histogram.zeros == expected.zeros);
    CHECK(histogram.nans == expected.nans);
    CHECK(histogram.infs == expected.infs);
    CHECK(negatives == expected.negatives);
  }
}

// Gives all groups scales of F16 from one code to another.
void set_scales(Packed& packed, std::uint16_t least, std::uint16_t largest) {
  std::mt19937_64 random(64);
  for (std::size_t i = 0; i < packed.scales.size(); i += 2) {
    const auto scale = static_cast<std::uint16_t>(least + random() % (largest - least + 1U));
    std::memcpy(&packed.scales[i], &scale, sizeof scale);
  }
}

constexpr Packing packings[] = {Packing::along_rows, Packing::rows_abreast,
                                Packing::even_rows_first};

}  // namespace

TEST_SUITE("packed_codes") {
  TEST_CASE("codes are counted by scale and multiple as their values would be, at every level") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      for (const Packing packing : packings) {
        for (const std::uint64_t group : {8U, 32U, 64U, 96U, 128U, 384U}) {
          for (const bool with_zeros : {false, true}) {
            CAPTURE(static_cast<int>(packing));
            CAPTURE(group);
            const Packed packed(packing, 40, 384, group, with_zeros);
            const std::uint64_t all = packed.decoding.items();
            for (const Run& run : {Run{0, all, 1}, Run{100, all - 300, 1}, Run{384, 384 * 17, 1},
                                   Run{77, 3, 1}, Run{5, 40, 384}}) {
              check_run(packed, run);
            }
          }
        }
      }
    }
    use_kernels("auto");
  }

  TEST_CASE("any order of scales and any added zero is counted as its values would be") {
    for (const Packing packing : packings) {
      for (const bool scales_by_group : {false, true}) {
        CAPTURE(static_cast<int>(packing));
        CAPTURE(scales_by_group);
        const Packed packed({packing, 16, 64, 2, 32, scales_by_group, false, 0x11111111}, true);
        check_run(packed, {0, packed.decoding.items(), 1});
      }
    }
  }

  TEST_CASE("many rows are counted as few are") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      for (const Packing packing : packings) {
        for (const bool with_zeros : {false, true}) {
          CAPTURE(static_cast<int>(packing));
          CAPTURE(with_zeros);
          const Packed packed(packing, 2200, 64, 32, with_zeros);
          check_run(packed, {0, packed.decoding.items(), 1});
        }
      }
    }
    use_kernels("auto");
  }

  TEST_CASE("groups of any length with usual scales are counted as their values would be") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      for (const Packing packing : packings) {
        for (const std::uint64_t group : {8U, 16U, 24U, 40U, 56U, 72U, 128U, 232U, 264U}) {
          CAPTURE(static_cast<int>(packing));
          CAPTURE(group);
          Packed packed(packing, 344, 2 * group, group, false);
          set_scales(packed, 0x2C00, 0x3000);
          check_run(packed, {0, packed.decoding.items(), 1});
        }
      }
    }
    use_kernels("auto");
  }

  TEST_CASE("more words than are kept at a time are counted as few are") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      for (const Packing packing : packings) {
        CAPTURE(static_cast<int>(packing));
        Packed packed(packing, 2104, 64, 32, false);
        set_scales(packed, 0x2C00, 0x2C80);
        check_run(packed, {0, packed.decoding.items(), 1});
      }
    }
    use_kernels("auto");
  }

  TEST_CASE("scales may be few or many, near each other or far apart") {
    const std::uint16_t ranges[][2] = {{0x3000, 0x3000}, {0x0001, 0x0FFF}, {0x0000, 0x1000},
                                       {0x0001, 0x7BFF}, {0x7800, 0x7C00}, {0x7F00, 0x80FF}};
    for (const Packing packing : packings) {
      for (const auto& range : ranges) {
        CAPTURE(static_cast<int>(packing));
        CAPTURE(range[0]);
        Packed packed(packing, 136, 128, 32, false);
        set_scales(packed, range[0], range[1]);
        check_run(packed, {0, packed.decoding.items(), 1});
      }
    }
  }

  TEST_CASE("groups of one code fill no count") {
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      for (const Packing packing : packings) {
        for (const std::uint64_t group : {32U, 256U, 1024U}) {
          for (const unsigned code : {0U, 15U}) {
            CAPTURE(static_cast<int>(packing));
            CAPTURE(group);
            CAPTURE(code);
            Packed packed(packing, 136, group, group, false);
            std::fill(packed.codes.begin(), packed.codes.end(), std::byte(code * 17));
            check_run(packed, {0, packed.decoding.items(), 1});
            set_scales(packed, 0x3000, 0x3000);
            check_run(packed, {0, packed.decoding.items(), 1});
          }
        }
      }
    }
    use_kernels("auto");
  }

  TEST_CASE("stretches of rows have the same values in whatever order they are asked for") {
    constexpr std::uint64_t rows = 40;
    constexpr std::uint64_t columns = 512;
    for (const Packing packing :
         {Packing::along_rows, Packing::rows_abreast, Packing::even_rows_first}) {
      for (const bool with_zeros : {false, true}) {
        CAPTURE(static_cast<int>(packing));
        CAPTURE(with_zeros);
        const Packed packed(packing, rows, columns, 32, with_zeros);
        const auto values_of = [&packed](const Run& run, ReadBuffer& buffer) {
          std::vector<std::uint32_t> bits;
          packed.decoding.decode(packed.source, run, buffer,
                                 [&](const std::byte* at, std::size_t n) {
                                   const std::size_t before = bits.size();
                                   bits.resize(before + n);
                                   std::memcpy(&bits[before], at, 4 * n);
                                 });
          return bits;
        };
        ReadBuffer once;
        const std::vector<std::uint32_t> all = values_of({0, rows * columns, 1}, once);
        ReadBuffer kept;
        std::mt19937_64 random(7);
        for (int i = 0; i < 2000; ++i) {
          // Single items, stretches of a few groups, of many, and beyond the end of a row.
          const std::uint64_t most = std::uint64_t{1} << random() % 11;
          const std::uint64_t first = random() % (rows * columns);
          const std::uint64_t n = std::min(1 + random() % most, rows * columns - first);
          const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
          const std::vector<std::uint32_t> expected(begin, begin + static_cast<std::ptrdiff_t>(n));
          REQUIRE(values_of({first, n, 1}, kept) == expected);
        }
      }
    }
  }

  TEST_CASE("rows that are made together have the values of the rows one by one") {
    constexpr std::uint64_t rows = 40;
    constexpr std::uint64_t columns = 512;
    for (const Packing packing : packings) {
      for (const bool by_index : {false, true}) {
        CAPTURE(static_cast<int>(packing));
        CAPTURE(by_index);
        const Packed packed(packing, rows, columns, 32, true);
        PackedParts parts = packed.parts(true);
        std::vector<std::uint32_t> groups(columns);
        for (std::uint64_t column = 0; column < columns; ++column) {
          groups[column] = static_cast<std::uint32_t>(column * 7 % 17);  // there are 16
        }
        const std::vector<std::byte> index = testing::bytes_of(groups);
        const MemorySource index_source(index.data(), index.size());
        if (by_index) {
          parts.index = StoredWords{&index_source, 0, columns};
        }
        const testing::ReadSource counted(packed.codes);
        for (const ByteSource* const source : {static_cast<const ByteSource*>(&packed.source),
                                               static_cast<const ByteSource*>(&counted)}) {
          parts.codes = source;
          const PackedCodes decoding(packed.form, parts);
          REQUIRE(decoding.makes_rows());
          ReadBuffer once;
          std::vector<std::byte> all;
          decoding.decode(*source, {0, rows * columns, 1}, once,
                          [&all](const std::byte* at, std::size_t n) {
                            all.insert(all.end(), at, at + 4 * n);
                          });
          ReadBuffer buffer;
          std::mt19937_64 random(9);
          for (int i = 0; i < 300; ++i) {
            const std::uint64_t pitch = columns * (1 + random() % 3);  // rows, or some of them
            const std::uint64_t first = random() % rows;
            const std::uint64_t column = random() % columns;
            const std::uint64_t n = 1 + random() % std::min<std::uint64_t>(90, columns - column);
            const std::uint64_t most = (rows - 1 - first) / (pitch / columns) + 1;
            const StoredRows wanted = {first * columns + column, n, 1 + random() % most, pitch};
            std::vector<std::byte> expected;
            for (std::uint64_t row = 0; row < wanted.rows; ++row) {
              const std::byte* const at = all.data() + 4 * (wanted.offset + row * pitch);
              expected.insert(expected.end(), at, at + 4 * n);
            }
            std::vector<std::byte> found(expected.size());
            decoding.make_rows(wanted, buffer, found.data());
            REQUIRE(found == expected);
          }
        }
      }
    }
  }

  TEST_CASE("sums by row and column read what is kept of some rows once for all blocks") {
    for (const Packing packing : packings) {
      CAPTURE(static_cast<int>(packing));
      Packed packed(packing, 4096, 2048, 128, true);
      const std::uint16_t usual = 0x3000;  // 1/8, and no NaN
      for (std::size_t i = 0; i < packed.scales.size(); i += 2) {
        std::memcpy(packed.scales.data() + i, &usual, 2);
      }
      const Sample sample = sample_of({4096, 2048}, 1, false, packed.decoding.rows_side_by_side());
      REQUIRE(sample.blocks.size() > 8);
      const TwoWaySums expected =
          sums_of(packed.decoding, packed.source, view_of(packed.decoding), sample);
      CHECK(expected.rows[0][3] ==
            doctest::Approx(static_cast<double>(sample.columns)).epsilon(0.2));

      std::vector<std::byte> values;
      ReadBuffer whole;
      packed.decoding.decode(packed.source, {0, packed.decoding.items(), 1}, whole,
                             [&values](const std::byte* at, std::size_t n) {
                               values.insert(values.end(), at, at + 4 * n);
                             });
      const MemorySource plain_source(values.data(), values.size());
      const TwoWaySums plain =
          sums_of(packed.decoding, plain_source,
                  contiguous_view(DType::f32, 0, packed.decoding.items()), sample);
      CHECK(std::memcmp(plain.rows.data(), expected.rows.data(),
                        plain.rows.size() * sizeof(Terms)) == 0);
      CHECK(std::memcmp(plain.columns.data(), expected.columns.data(),
                        plain.columns.size() * sizeof(Terms)) == 0);

      const testing::ReadSource counted(packed.codes);
      PackedParts parts = packed.parts(true);
      parts.codes = &counted;
      const PackedCodes read(packed.form, parts);
      const std::uint64_t before = [&] {  // of the counting that comes first
        ReadBuffer buffer;
        MultipleCounts counts;
        read.count_multiples({0, read.items(), 1}, buffer, counts, nullptr);
        return counted.bytes_read();
      }();
      const TwoWaySums found = sums_of(read, counted, view_of(read), sample);
      CHECK(counted.bytes_read() - 2 * before <= packed.bytes);
      if (packing != Packing::along_rows) {  // nor more of a row than is looked at
        CHECK(counted.bytes_read() - 2 * before <= packed.bytes * sample.columns / 2048);
      }
      CHECK(std::memcmp(found.rows.data(), expected.rows.data(),
                        found.rows.size() * sizeof(Terms)) == 0);
      CHECK(std::memcmp(found.columns.data(), expected.columns.data(),
                        found.columns.size() * sizeof(Terms)) == 0);
    }
  }

  TEST_CASE("parts of packed codes that do not fit are refused") {
    const std::vector<std::byte> bytes(4096);
    const MemorySource source(bytes.data(), bytes.size());
    const auto make = [&](const PackedForm& form, std::uint64_t codes, std::uint64_t scales,
                          std::uint64_t zeros, std::uint64_t offset) {
      PackedParts parts{&source, offset, codes, FloatReader(source, DType::f16, 0, scales), {}, {}};
      if (zeros > 0) {
        parts.zeros = StoredWords{&source, 0, zeros};
      }
      return PackedCodes(form, parts).items();
    };
    const PackedForm rows{Packing::along_rows, 16, 64, 4, 16, false, false, 0};
    CHECK(make(rows, 512, 64, 8, 0) == 1024);
    CHECK(make(rows, 512, 1, 0, 4096 - 512) == 1024);
    CHECK_THROWS_AS(make(rows, 511, 64, 0, 0), std::invalid_argument);
    CHECK_THROWS_AS(make(rows, 512, 63, 0, 0), std::invalid_argument);
    CHECK_THROWS_AS(make(rows, 512, 64, 9, 0), std::invalid_argument);
    CHECK_THROWS_AS(make(rows, 512, 64, 0, 4096 - 511), std::invalid_argument);
    CHECK_THROWS_AS(make(rows, 512, 64, 0, ~std::uint64_t{0}), std::invalid_argument);
    PackedForm other = rows;
    other.group_columns = 15;  // the last columns have no group
    CHECK_THROWS_AS(make(other, 512, 64, 0, 0), std::invalid_argument);
    other = rows;
    other.rows = std::uint64_t{1} << 40;
    CHECK_THROWS_AS(make(other, 512, 1, 0, 0), std::invalid_argument);
    other = rows;
    other.packing = Packing::even_rows_first;
    other.rows = 12;
    CHECK_THROWS_AS(make(other, 512, 1, 0, 0), std::invalid_argument);
    other = {Packing::rows_abreast, 16, 60, 4, 15, true, false, 0};
    CHECK_THROWS_AS(make(other, 480, 64, 0, 0), std::invalid_argument);
    other = {Packing::quarters, 16, 64, 1, 64, false, true, 0};
    CHECK(make(other, 256, 1, 0, 0) == 1024);
    CHECK_THROWS_AS(make(other, 256, 16, 0, 0), std::invalid_argument);  // divided by several
    CHECK_THROWS_AS(make(other, 256, 1, 2, 0), std::invalid_argument);   // zeros of two bits
  }

  TEST_CASE("scales beyond the end of their file are refused") {
    const std::vector<std::byte> bytes(64);
    const MemorySource source(bytes.data(), bytes.size());
    CHECK(FloatReader(source, DType::f16, 2, 31).items() == 31);
    CHECK(FloatReader(source, DType::f16, 64, 0).items() == 0);
    CHECK_THROWS_AS(FloatReader(source, DType::f16, 2, 32), std::invalid_argument);
    CHECK_THROWS_AS(FloatReader(source, DType::f16, 65, 0), std::invalid_argument);
    constexpr std::uint64_t huge = std::uint64_t{1} << 63;
    CHECK_THROWS_AS(FloatReader(source, DType::f16, 0, huge + 1), std::invalid_argument);
    CHECK_THROWS_AS(FloatReader(source, DType::f32, ~huge, 1), std::invalid_argument);
  }
}

}  // namespace weightgauge
