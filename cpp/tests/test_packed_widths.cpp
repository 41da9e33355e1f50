#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <vector>

#include "core/count/multiples.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t codes_at = 3;
constexpr unsigned widths[] = {2, 3, 8};

// Random bytes as rows that lie abreast, of codes of any width, with scales of F16 and zeros.
class Abreast {
 public:
  Abreast(unsigned bits, std::uint64_t rows, std::uint64_t group, std::uint32_t added_zero,
          bool with_index)
      : form{Packing::rows_abreast,
             rows,
             columns,
             columns / group,
             group,
             true,
             false,
             added_zero,
             bits},
        codes(testing::random_bytes(codes_at + rows * columns * bits / 8, 91)),
        scales(testing::random_bytes(2 * rows * form.groups, 92)),
        zeros(testing::random_bytes(words_of_zeros() * 4 * form.groups, 93)) {
    for (std::uint32_t column = 0; with_index && column < columns; ++column) {
      index.push_back(column * 5 % (static_cast<std::uint32_t>(form.groups) + 1));  // one too many
    }
  }

  std::uint64_t words_of_zeros() const { return (form.rows * form.bits + 31) / 32; }

  // Bit after bit.
  unsigned code_of(std::uint64_t row, std::uint64_t column) const {
    unsigned code = 0;
    for (unsigned bit = 0; bit < form.bits; ++bit) {
      const std::uint64_t place = column * form.bits + bit;
      const std::uint64_t byte = (place / 32 * form.rows + row) * 4 + place % 32 / 8;
      code |= (std::to_integer<unsigned>(codes[codes_at + byte]) >> place % 8 & 1U) << bit;
    }
    return code;
  }

  unsigned zero_of(std::uint64_t row, std::uint64_t group) const {
    std::vector<std::uint32_t> words(words_of_zeros());
    std::memcpy(words.data(), zeros.data() + 4 * group * words.size(), 4 * words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      words[i] += form.added_words[i % 3];
    }
    const bool by_word = 32 % form.bits == 0;
    unsigned zero = 0;
    for (unsigned bit = 0; bit < form.bits; ++bit) {
      const std::uint64_t place = row * form.bits + bit;
      const std::uint32_t word = words[place / 32] + (by_word ? form.added_zero : 0);
      zero |= (word >> place % 32 & 1U) << bit;
    }
    return (zero + (by_word ? 0 : form.added_zero)) % (1U << form.bits);
  }

  std::vector<float> values() const {
    std::vector<float> all;
    for (std::uint64_t row = 0; row < form.rows; ++row) {
      for (std::uint64_t column = 0; column < columns; ++column) {
        const std::uint64_t group = index.empty() ? column / form.group_columns : index[column];
        if (group >= form.groups) {
          all.push_back(std::numeric_limits<float>::quiet_NaN());
          continue;
        }
        std::uint16_t scale = 0;
        std::memcpy(&scale, scales.data() + 2 * (group * form.rows + row), sizeof scale);
        const auto code = static_cast<float>(code_of(row, column));
        const auto factor = static_cast<float>(testing::reference_value(DType::f16, scale));
        all.push_back((code - static_cast<float>(zero_of(row, group))) * factor);
      }
    }
    return all;
  }

  static constexpr std::uint64_t columns = 192;
  PackedForm form;
  std::vector<std::byte> codes;
  std::vector<std::byte> scales;
  std::vector<std::byte> zeros;
  std::vector<std::uint32_t> index;
};

// Its decoding, with codes in memory or in a file that is read.
class Decoded {
 public:
  Decoded(const Abreast& packed, bool in_memory)
      : memory_(packed.codes.data(), packed.codes.size()),
        read_(packed.codes),
        scales_(packed.scales.data(), packed.scales.size()),
        zeros_(packed.zeros.data(), packed.zeros.size()),
        index_(reinterpret_cast<const std::byte*>(packed.index.data()), 4 * packed.index.size()),
        source(in_memory ? static_cast<const ByteSource&>(memory_) : read_),
        decoding(packed.form, parts(packed)) {}

 private:
  PackedParts parts(const Abreast& packed) const {
    PackedParts made{&source,
                     codes_at,
                     packed.codes.size() - codes_at,
                     FloatReader(scales_, DType::f16, 0, packed.scales.size() / 2),
                     StoredWords{&zeros_, 0, packed.zeros.size() / 4},
                     {}};
    if (!packed.index.empty()) {
      made.index = StoredWords{&index_, 0, packed.index.size()};
    }
    return made;
  }

  MemorySource memory_;
  testing::ReadSource read_;
  MemorySource scales_;
  MemorySource zeros_;
  MemorySource index_;

 public:
  const ByteSource& source;
  PackedCodes decoding;
};

bool same(const std::vector<float>& found, const float* expected) {
  return std::equal(found.begin(), found.end(), expected, [](float one, float other) {
    return one == other || (one != one && other != other);
  });
}

std::vector<float> decoded(const Decoded& from, const Run& run, ReadBuffer& buffer) {
  std::vector<float> values;
  from.decoding.decode(from.source, run, buffer, [&values](const std::byte* at, std::size_t n) {
    const std::size_t before = values.size();
    values.resize(before + n);
    std::memcpy(values.data() + before, at, 4 * n);
  });
  return values;
}

template <class Check>
void for_each_form(const Check& check) {
  for (const unsigned bits : widths) {
    for (const std::uint64_t group : {24U, 64U, 192U}) {
      for (const bool with_index : {false, true}) {
        CAPTURE(bits);
        CAPTURE(group);
        CAPTURE(with_index);
        const std::uint32_t ones = bits == 2 ? 0x55555555 : bits == 3 ? 1 : 0x01010101;
        Abreast packed(bits, 43, group, group == 64 ? 0 : ones, with_index);
        if (bits == 3 && group == 64) {
          packed.form.added_words = {0x24924924, 0x92492492, 0x49249249};
        }
        check(packed);
      }
    }
  }
}

}  // namespace

TEST_SUITE("packed_widths") {
  TEST_CASE("values are those of codes that are read bit after bit, in whatever stretches") {
    for_each_form([](const Abreast& packed) {
      const std::vector<float> expected = packed.values();
      for (const bool in_memory : {true, false}) {
        CAPTURE(in_memory);
        const Decoded from(packed, in_memory);
        ReadBuffer buffer;
        REQUIRE(same(decoded(from, {0, expected.size(), 1}, buffer), expected.data()));
        std::mt19937_64 random(3);
        for (int i = 0; i < 200; ++i) {
          const std::uint64_t first = random() % expected.size();
          const std::uint64_t n = std::min(1 + random() % 500, expected.size() - first);
          REQUIRE(same(decoded(from, {first, n, 1}, buffer), expected.data() + first));
        }
        const std::vector<float> column = decoded(from, {7, packed.form.rows, 192}, buffer);
        REQUIRE(column.size() == packed.form.rows);
        for (std::size_t row = 0; row < column.size(); ++row) {
          REQUIRE(same({column[row]}, &expected[7 + 192 * row]));
        }
      }
    });
  }

  TEST_CASE("rows that are made together have the values of the rows one by one") {
    for_each_form([](const Abreast& packed) {
      const std::vector<float> expected = packed.values();
      for (const bool in_memory : {true, false}) {
        const Decoded from(packed, in_memory);
        ReadBuffer buffer;
        std::mt19937_64 random(5);
        for (int i = 0; i < 60; ++i) {
          const std::uint64_t step = 1 + random() % 2;
          const std::uint64_t row = random() % packed.form.rows;
          const std::uint64_t column = random() % packed.columns;
          const std::uint64_t n = 1 + random() % std::min<std::uint64_t>(50, 192 - column);
          const std::uint64_t rows = 1 + random() % ((packed.form.rows - 1 - row) / step + 1);
          const StoredRows wanted = {row * 192 + column, n, rows, step * 192};
          std::vector<float> found(rows * n);
          from.decoding.make_rows(wanted, buffer, reinterpret_cast<std::byte*>(found.data()));
          for (std::uint64_t each = 0; each < rows; ++each) {
            const auto begin = found.begin() + static_cast<std::ptrdiff_t>(each * n);
            const std::vector<float> of_row(begin, begin + static_cast<std::ptrdiff_t>(n));
            REQUIRE(same(of_row, expected.data() + wanted.offset + each * wanted.pitch));
          }
        }
      }
    });
  }

  TEST_CASE("two and three bits are counted by scale and multiple, and eight are not") {
    for_each_form([](const Abreast& packed) {
      const std::vector<float> values = packed.values();
      for (const bool in_memory : {true, false}) {
        const Decoded from(packed, in_memory);
        REQUIRE(from.decoding.counts_multiples() == (packed.form.bits < 8));
        for (const Run& run : {Run{0, values.size(), 1}, Run{100, 3000, 1}, Run{7, 43, 192}}) {
          if (packed.form.bits == 8) {
            continue;
          }
          testing::Tally expected;
          for (std::uint64_t i = 0; i < run.items; ++i) {
            expected.add(static_cast<double>(values[run.offset + i * run.stride]));
          }
          ReadBuffer buffer;
          MultipleCounts counts;
          from.decoding.count_multiples(run, buffer, counts, nullptr);
          const Histogram found = take_multiples(counts).histogram;
          CHECK(found.zeros == expected.zeros);
          CHECK(found.nans == expected.nans);
          CHECK(found.infs == expected.infs);
          std::map<double, std::uint64_t> magnitudes;
          for (std::size_t i = 0; i < found.size(); ++i) {
            magnitudes[entry_at(found, i).mean] = found.counts[i];
          }
          CHECK(magnitudes == expected.magnitudes);
        }
      }
    });
  }

  TEST_CASE("widths and sizes that do not fit are refused") {
    const std::vector<std::byte> bytes(4096);
    const MemorySource source(bytes.data(), bytes.size());
    const auto make = [&](const PackedForm& form, std::uint64_t codes, std::uint64_t zeros) {
      PackedParts parts{&source, 0, codes, FloatReader(source, DType::f16, 0, 1), {}, {}};
      if (zeros > 0) {
        parts.zeros = StoredWords{&source, 0, zeros};
      }
      return PackedCodes(form, parts).items();
    };
    const auto form = [](unsigned bits, std::uint64_t columns) {
      return PackedForm{Packing::rows_abreast, 16, columns, 1, columns, true, false, 0, bits};
    };
    CHECK(make(form(2, 64), 256, 1) == 1024);
    CHECK(make(form(3, 64), 384, 2) == 1024);
    CHECK(make(form(8, 64), 1024, 4) == 1024);
    for (const unsigned bits : {0U, 1U, 5U, 6U, 7U, 16U, 32U, 33U}) {
      CAPTURE(bits);
      CHECK_THROWS_AS(make(form(bits, 64), 128 * bits, 0), std::invalid_argument);
    }
    CHECK_THROWS_AS(make(form(2, 72), 288, 0), std::invalid_argument);  // half a word
    CHECK_THROWS_AS(make(form(3, 80), 480, 0), std::invalid_argument);  // not three words
    CHECK_THROWS_AS(make(form(8, 62), 992, 0), std::invalid_argument);
    CHECK_THROWS_AS(make(form(8, 64), 512, 0), std::invalid_argument);   // those of four bits
    CHECK_THROWS_AS(make(form(8, 64), 1024, 2), std::invalid_argument);  // zeros of four bits
    CHECK_THROWS_AS(make(form(3, 64), 384, 3), std::invalid_argument);
    for (const Packing packing : {Packing::along_rows, Packing::even_rows_first}) {
      PackedForm other = form(8, 64);
      other.packing = packing;
      CHECK_THROWS_AS(make(other, 1024, 0), std::invalid_argument);
    }
    PackedForm huge = form(8, 64);
    huge.rows = std::uint64_t{1} << 58;
    CHECK_THROWS_AS(make(huge, 0, 0), std::invalid_argument);
    huge = form(3, std::uint64_t{1} << 25);
    CHECK_THROWS_AS(make(huge, 0, 0), std::invalid_argument);
  }
}

}  // namespace weightgauge
