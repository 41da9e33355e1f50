// Scans packed codes of all widths, in any packing and of any sides: values are those of a
// plain loop, whatever the manner, and whether they are counted by multiple or one by one.
#include <cmath>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "core/count/multiples.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/kernels/kernels.hpp"
#include "fuzz_pair.hpp"
#include "fuzz_require.hpp"

namespace {

using namespace weightgauge;
using testing::Choices;
using testing::Pair;
using testing::Place;
using testing::Plain;
using testing::Sources;

testing::Told packed_matrices("packed matrices");

// The form of packed codes, and what lies behind codes and scales in the file.
struct Packed {
  PackedForm form;
  std::uint64_t zeros_at = 0;
  std::uint64_t zeros = 0;  // words; 0 where none are stored
  std::uint64_t index_at = 0;
  bool has_index = false;

  std::shared_ptr<PackedCodes> decoding(const Pair& pair, const Sources& sources) const {
    PackedParts parts{
        sources[0].get(), 0, pair.first_items, testing::reader_of_second(pair, sources), {}, {}};
    if (zeros > 0) {
      parts.zeros = StoredWords{sources[0].get(), zeros_at, zeros};
    }
    if (has_index) {
      parts.index = StoredWords{sources[0].get(), index_at, form.columns};
    }
    return std::make_shared<PackedCodes>(form, parts);
  }
};

std::uint32_t word_of(const Pair& pair, std::uint64_t offset, std::uint64_t index) {
  std::uint32_t word = 0;
  std::memcpy(&word, pair.bytes.data() + offset + index * sizeof word, sizeof word);
  return word;
}

// A code of a row of words that lie so far apart, bit after bit.
std::uint32_t code_in_row(const Pair& pair, std::uint64_t offset, std::uint64_t pitch,
                          std::uint64_t first_bit, unsigned bits) {
  std::uint32_t code = 0;
  for (unsigned bit = 0; bit < bits; ++bit) {
    const std::uint64_t place = first_bit + bit;
    code |= (word_of(pair, offset, place / 32 * pitch) >> place % 32 & 1U) << bit;
  }
  return code;
}

// Of eight rows in a word the even ones come first.
std::uint64_t place_of(const PackedForm& form, std::uint64_t row) {
  return form.packing == Packing::even_rows_first ? row % 2 * 4 + row % 8 / 2 : row % 8;
}

std::uint32_t packed_code(const Pair& pair, const PackedForm& form, std::uint64_t row,
                          std::uint64_t column) {
  switch (form.packing) {
    case Packing::along_rows:
      return word_of(pair, 0, row * words_of(form.columns) + column / 8) >> column % 8 * 4 & 15U;
    case Packing::rows_abreast:
      return code_in_row(pair, 4 * row, form.rows, column * form.bits, form.bits);
    case Packing::even_rows_first:
      return word_of(pair, 0, column * (form.rows / 8) + row / 8) >> place_of(form, row) * 4 & 15U;
    case Packing::quarters:
      break;
  }
  const std::uint64_t quarter = form.rows / 4;
  const auto four = std::to_integer<unsigned>(pair.bytes[row % quarter * form.columns + column]);
  return four >> row / quarter * 2 & 3U;
}

float packed_zero(const Pair& pair, const Packed& packed, std::uint64_t row, std::uint64_t group) {
  const PackedForm& form = packed.form;
  if (packed.zeros == 0) {
    return form.packing == Packing::quarters ? 1 : static_cast<float>(1U << (form.bits - 1));
  }
  if (form.bits == 3) {
    const std::uint64_t group_at = packed.zeros_at + 4 * group * words_of(form.rows, 3);
    return static_cast<float>((code_in_row(pair, group_at, 1, 3 * row, 3) + form.added_zero) & 7U);
  }
  if (form.packing == Packing::rows_abreast) {
    const std::uint64_t bit = row * form.bits;
    const std::uint64_t at = group * words_of(form.rows, form.bits) + bit / 32;
    const std::uint32_t word = word_of(pair, packed.zeros_at, at) + form.added_zero;
    return static_cast<float>(word >> bit % 32 & ((1U << form.bits) - 1));
  }
  const std::uint64_t at = form.packing == Packing::along_rows
                               ? row / 8 * form.groups + group
                               : group * words_of(form.rows) + row / 8;
  const std::uint32_t word = word_of(pair, packed.zeros_at, at) + form.added_zero;
  return static_cast<float>(word >> place_of(form, row) * 4 & 15U);
}

// The value of an item; an index of zeros alone was never set.
double packed_value(const Pair& pair, const Packed& packed, bool set, std::uint64_t row,
                    std::uint64_t column) {
  const PackedForm& form = packed.form;
  const std::uint64_t group =
      set ? word_of(pair, packed.index_at, column) : column / form.group_columns;
  if (group >= form.groups) {
    return std::nan("");
  }
  const bool single = pair.second_items == 1;
  const std::uint64_t at =
      form.scales_by_group ? group * form.rows + row : row * form.groups + group;
  auto scale = static_cast<float>(pair.second_value(single ? 0 : at));
  scale = form.divided ? 1 / scale : scale;
  const auto code = static_cast<float>(packed_code(pair, form, row, column));
  return static_cast<double>((code - packed_zero(pair, packed, row, group)) * scale);
}

// A form, and its bytes. A matrix in a few does not fill its words, and is refused.
Packed packed_from(Choices& choices, Pair& pair) {
  const bool large = choices.below(8) == 7;
  Packed packed;
  PackedForm& form = packed.form;
  form.packing = static_cast<Packing>(choices.below(4));
  form.groups = 1 + choices.below(5);
  form.group_columns =
      choices.below(4) == 0 ? 1 + choices.below(50) : 8 * (1 + choices.below(large ? 24 : 6));
  form.columns = form.groups * form.group_columns;
  form.rows = choices.below(8) == 0 ? 1 + choices.below(40)
                                    : 8 * (large ? 24 + choices.below(40) : 1 + choices.below(4));
  form.scales_by_group = (form.packing != Packing::along_rows) != (choices.below(16) == 15);
  const bool single = form.packing == Packing::quarters || choices.below(4) == 0;
  form.divided = single && choices.below(2) == 0;
  form.added_zero = choices.below(2) == 0 ? 0 : 0x11111111;
  if (form.packing == Packing::rows_abreast && form.groups == 4) {
    constexpr unsigned widths[] = {2, 3, 8};  // told by what is chosen already
    form.bits = widths[form.rows % 3];
  }
  constexpr DType scales[] = {DType::f16, DType::bf16, DType::f32};
  pair.first = DType::f8_e8m0;  // bytes
  pair.second = scales[choices.below(3)];
  pair.first_items = form.packing == Packing::quarters ? form.rows / 4 * form.columns
                     : form.packing == Packing::along_rows
                         ? form.rows * words_of(form.columns) * 4
                         : form.rows * form.columns * form.bits / 8;
  pair.second_items = single ? 1 : form.rows * form.groups;
  packed.has_index = choices.below(3) == 0;
  const std::size_t groups_of_index = choices.below(7);
  if (form.packing != Packing::quarters && choices.below(2) == 0) {
    packed.zeros = words_of(form.rows, form.bits) * form.groups;
  }
  testing::fill(pair, choices);
  packed.zeros_at = pair.bytes.size();
  const auto words = testing::random_bytes(4 * packed.zeros, 1 + pair.bytes.size() % 251);
  pair.bytes.insert(pair.bytes.end(), words.begin(), words.end());
  packed.index_at = pair.bytes.size();
  for (std::uint64_t column = 0; column < (packed.has_index ? form.columns : 0); ++column) {
    const std::uint64_t of_column = groups_of_index == 0   ? column / form.group_columns
                                    : groups_of_index == 1 ? 0
                                                           : column * 7 % groups_of_index;
    const auto word = static_cast<std::uint32_t>(of_column);
    const auto* const at = reinterpret_cast<const std::byte*>(&word);
    pair.bytes.insert(pair.bytes.end(), at, at + sizeof word);
  }
  return packed;
}

bool index_is_set(const Pair& pair, const Packed& packed) {
  for (std::uint64_t column = 0; packed.has_index && column < packed.form.columns; ++column) {
    if (word_of(pair, packed.index_at, column) != 0) {
      return true;
    }
  }
  return false;
}

// Counts items by multiple, of small matrices too, of which a scan sorts the values.
void check_counted(const Pair& pair, const Packed& packed, std::uint64_t from,
                   std::uint64_t every) {
  use_kernels(pair.one.level);
  const testing::Opened opened(pair.bytes, pair.one.place);
  const auto decoding = packed.decoding(pair, opened.sources());
  if (!decoding->counts_multiples()) {
    return;
  }
  const Run run{from, (decoding->items() - from - 1) / every + 1, every};
  ReadBuffer buffer;
  MultipleCounts counts;
  decoding->count_multiples(run, buffer, counts, nullptr);
  const Histogram found = take_multiples(counts).histogram;
  const bool set = index_is_set(pair, packed);
  Plain expected;
  for (std::uint64_t i = 0; i < run.items; ++i) {
    const std::uint64_t item = from + i * every;
    expected.add(
        packed_value(pair, packed, set, item / packed.form.columns, item % packed.form.columns));
  }
  expected.sort();
  REQUIRE(found.zeros == expected.zeros && found.nans == expected.nans &&
          found.infs == expected.infs && found.n() == expected.magnitudes.size());
  std::size_t at = 0;
  for (std::size_t entry = 0; entry < found.size(); ++entry) {
    for (std::uint64_t i = 0; i < found.counts[entry]; ++i, ++at) {
      REQUIRE(entry_at(found, entry).mean == expected.magnitudes[at]);
    }
  }
}

void check_scanned(const Pair& pair, const Packed& packed, std::uint64_t from,
                   std::uint64_t every) {
  const PackedForm& form = packed.form;
  const bool set = index_is_set(pair, packed);
  Plain expected;
  for (std::uint64_t row = 0; row < form.rows; ++row) {
    for (std::uint64_t column = from; column < form.columns; column += every) {
      expected.add(packed_value(pair, packed, set, row, column));
    }
  }
  expected.sort();
  const std::uint64_t taken = (form.columns - from - 1) / every + 1;
  const auto slices = [&](const Sources& sources) {
    auto decoding = packed.decoding(pair, sources);
    View view = decoded_view(checked_view(DType::f8_e8m0, from,
                                          {{form.rows, static_cast<std::int64_t>(form.columns)},
                                           {taken, static_cast<std::int64_t>(every)}},
                                          decoding->items()),
                             decoding);
    return std::vector<FedSlice>{{{0, std::move(view), Noted::nothing, 0, {form.rows, taken, 1, 1}},
                                  {{0, {0, pair.bytes.size()}}},
                                  true}};
  };
  testing::check_both(pair, slices, expected);
}

void check_packed(Choices& choices, Pair& pair) {
  const std::uint64_t every = choices.below(4) == 0 ? 1 + choices.below(3) : 1;
  const std::uint64_t skipped = choices.below(4) == 0 ? choices.below(256) : 0;
  const Packed packed = packed_from(choices, pair);
  try {
    const testing::Opened opened(pair.bytes, Place::memory);
    (void)packed.decoding(pair, opened.sources());
  } catch (const std::invalid_argument&) {
    return;
  }
  packed_matrices.add(1);
  const std::uint64_t from = skipped % packed.form.columns;
  check_counted(pair, packed, from, every);
  check_scanned(pair, packed, from, every);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  Pair pair;
  pair.options = testing::options_from(choices);
  pair.one = testing::manner_from(choices, true);
  pair.other = testing::manner_from(choices, true);
  check_packed(choices, pair);
  return 0;
}
