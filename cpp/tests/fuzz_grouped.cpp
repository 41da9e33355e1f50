// Scans codes of two to eight bits with a scale for each group, and what else may lie beside them:
// values are those of a plain loop, whatever the manner, and whether they are counted by group or
// one by one.
#include <cstring>
#include <memory>
#include <stdexcept>

#include "core/decode/grouped_codes.hpp"
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

testing::Told grouped_rows("rows of grouped codes");

// The form of codes, and where in the file lies what is beside them and their scales: numbers of
// F32, and one byte for each scale that is a code.
struct Grouped {
  GroupedForm form;
  std::uint64_t groups = 1;
  std::uint64_t biases_at = 0;  // 0 where there are none; so of the others
  std::uint64_t values_at = 0;
  std::uint64_t scale_codes_at = 0;
  std::uint64_t values_of_scales_at = 0;
  std::uint64_t groups_of_scale = 0;
  float added = 0;
  std::uint64_t zeros_at = 0;
  std::uint64_t zero_bytes = 0;
  std::uint64_t groups_of_row = 0;
  unsigned word_bytes = 1;

  std::shared_ptr<GroupedCodes> decoding(const Pair& pair, const Sources& sources) const {
    const ByteSource& source = *sources[0];
    GroupedParts parts{
        &source, 0, pair.first_items, testing::reader_of_second(pair, sources), {}, {}, {}, {}};
    if (zeros_at > 0) {
      parts.zeros = ZeroPoints{&source,   zeros_at,   zero_bytes,   groups_of_row,
                               form.bits, word_bytes, form.has_sign};
    }
    if (biases_at > 0) {
      parts.biases = FloatReader(source, DType::f32, biases_at, groups);
    }
    if (values_at > 0) {
      parts.values = FloatReader(source, DType::f32, values_at, std::uint64_t{1} << form.bits);
    }
    if (scale_codes_at > 0) {
      parts.scale_codes =
          ScaleCodes{&source,         scale_codes_at,
                     groups,          FloatReader(source, DType::f32, values_of_scales_at, 256),
                     groups_of_scale, added};
    }
    return std::make_shared<GroupedCodes>(form, parts);
  }
};

float float_at(const Pair& pair, std::uint64_t offset, std::uint64_t index) {
  float number = 0;
  std::memcpy(&number, pair.bytes.data() + offset + index * sizeof number, sizeof number);
  return number;
}

unsigned code_of(const Pair& pair, const GroupedForm& form, std::uint64_t item) {
  unsigned code = 0;
  for (unsigned bit = 0; bit < form.bits; ++bit) {
    const std::uint64_t place = item * form.bits + bit;
    const auto byte = std::to_integer<unsigned>(pair.bytes[place / 8]);
    code |= (byte >> (form.upper_first ? place % 8 ^ 4 : place % 8) & 1U) << bit;
  }
  return code;
}

// The zero point of a group, bit by bit.
float zero_of(const Pair& pair, const Grouped& grouped, std::uint64_t group) {
  const std::uint64_t row = group / grouped.groups_of_row;
  const std::uint64_t column = group % grouped.groups_of_row;
  const std::uint64_t word_bits = std::uint64_t{8} * grouped.word_bytes;
  int zero = 0;
  for (unsigned bit = 0; bit < grouped.form.bits; ++bit) {
    const std::uint64_t place = row * grouped.form.bits + bit;
    const std::uint64_t word = place / word_bits * grouped.groups_of_row + column;
    const std::uint64_t byte = grouped.zeros_at + word * grouped.word_bytes + place % word_bits / 8;
    zero |= (std::to_integer<int>(pair.bytes[byte]) >> place % 8 & 1) << bit;
  }
  return static_cast<float>(grouped.form.has_sign && zero > 127 ? zero - 256 : zero);
}

double value_of(const Pair& pair, const Grouped& grouped, std::uint64_t item) {
  const GroupedForm& form = grouped.form;
  const unsigned code = code_of(pair, form, item);
  const std::uint64_t group = item / form.group_items;
  const int number = static_cast<int>(code) - (form.has_sign && code > 127 ? 256 : 0);
  float value = grouped.values_at > 0 ? float_at(pair, grouped.values_at, code)
                                      : (static_cast<float>(number) - form.zero) / form.divisor;
  value -= grouped.zeros_at > 0 ? zero_of(pair, grouped, group) : 0;
  float scale = 0;
  if (grouped.scale_codes_at > 0) {
    const auto of_scale =
        std::to_integer<std::uint64_t>(pair.bytes[grouped.scale_codes_at + group]);
    const auto by = static_cast<float>(pair.second_value(group / grouped.groups_of_scale));
    const float product = float_at(pair, grouped.values_of_scales_at, of_scale) * by;
    scale = product + grouped.added;
  } else {
    scale = static_cast<float>(pair.second_value(group));
  }
  const float product = value * scale;
  return static_cast<double>(
      grouped.biases_at > 0 ? product + float_at(pair, grouped.biases_at, group) : product);
}

// Appends so many bytes, with a gap so that no offset is 0; returns where they begin.
std::uint64_t append(Pair& pair, std::uint64_t bytes, bool usual) {
  pair.bytes.push_back(std::byte{});
  const std::uint64_t at = pair.bytes.size();
  const std::vector<std::byte> more = usual
                                          ? testing::bytes_of(testing::normal_floats(bytes / 4, at))
                                          : testing::random_bytes(bytes, at);
  pair.bytes.insert(pair.bytes.end(), more.begin(), more.end());
  return at;
}

// A form, and its bytes. A few do not fit, and are refused.
Grouped grouped_from(Choices& choices, Pair& pair) {
  Grouped grouped;
  GroupedForm& form = grouped.form;
  const bool large = choices.below(4) == 0;
  form.bits = choices.below(2) == 0 ? 4 : 2 + static_cast<unsigned>(choices.below(8));
  form.group_items = choices.below(3) == 0 ? 1 + choices.below(200) : 32 * (1 + choices.below(6));
  form.items = 1 + choices.bits(large ? 16 : 8) * (large ? 5 : 7);
  form.upper_first = choices.below(3) == 0;
  form.has_sign = choices.below(5) == 0;
  form.divisor = choices.below(3) == 0 ? 127 : 1;
  grouped.groups = (form.items - 1) / form.group_items + 1;
  const bool biases = choices.below(2) == 0;
  const bool values = choices.below(3) == 0;
  const bool nested = choices.below(3) == 0;
  const bool usual = choices.below(4) != 0;
  const bool zeros = choices.below(3) == 0;
  form.zero = choices.below(3) == 0 ? static_cast<float>(1U << (form.bits % 9)) / 2 : 0;
  grouped.groups_of_scale = 1 + choices.below(5);
  constexpr DType scales[] = {DType::f16, DType::bf16, DType::f32};
  pair.first = DType::f8_e8m0;  // bytes
  pair.second = scales[choices.below(3)];
  pair.first_items = (form.items * form.bits + 7) / 8 + (choices.below(64) == 63 ? 1 : 0);
  pair.second_items = nested ? (grouped.groups - 1) / grouped.groups_of_scale + 1 : grouped.groups;
  testing::fill(pair, choices);
  if (biases) {
    grouped.biases_at = append(pair, 4 * grouped.groups, usual);
  }
  if (values) {
    grouped.values_at = append(pair, 4 * (std::uint64_t{1} << form.bits), usual);
  }
  if (zeros) {
    grouped.word_bytes = choices.below(2) == 0 ? 1 : 4;
    grouped.groups_of_row = 1 + choices.below(4);
    const std::uint64_t rows = (grouped.groups - 1) / grouped.groups_of_row + 1;
    const std::uint64_t words = (rows * form.bits - 1) / (8 * grouped.word_bytes) + 1;
    grouped.zero_bytes = words * grouped.groups_of_row * grouped.word_bytes;
    grouped.zeros_at = append(pair, grouped.zero_bytes, false);
  }
  if (nested) {
    grouped.scale_codes_at = append(pair, grouped.groups, false);
    grouped.values_of_scales_at = append(pair, std::uint64_t{4} * 256, usual);
    grouped.added = usual ? 0.03125F : 0;
  }
  return grouped;
}

void check_grouped(Choices& choices, Pair& pair) {
  const std::uint64_t every = choices.below(4) == 0 ? 1 + choices.below(9) : 1;
  const std::uint64_t skipped = choices.below(3) == 0 ? choices.below(256) : 0;
  const Grouped grouped = grouped_from(choices, pair);
  try {
    const testing::Opened opened(pair.bytes, Place::memory);
    (void)grouped.decoding(pair, opened.sources());
  } catch (const std::invalid_argument&) {
    return;
  }
  grouped_rows.add(1);
  const std::uint64_t from = skipped % grouped.form.items;
  const std::uint64_t taken = (grouped.form.items - from - 1) / every + 1;
  Plain expected;
  for (std::uint64_t i = 0; i < taken; ++i) {
    expected.add(value_of(pair, grouped, from + i * every));
  }
  expected.sort();
  const auto slices = [&](const Sources& sources) {
    auto decoding = grouped.decoding(pair, sources);
    View view =
        decoded_view(checked_view(DType::f8_e8m0, from, {{taken, static_cast<std::int64_t>(every)}},
                                  decoding->items()),
                     decoding);
    return std::vector<FedSlice>{
        {{0, std::move(view), Noted::nothing, 0, {}}, {{0, {0, pair.bytes.size()}}}, true}};
  };
  testing::check_both(pair, slices, expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  Pair pair;
  pair.options = testing::options_from(choices);
  pair.one = testing::manner_from(choices, true);
  pair.other = testing::manner_from(choices, true);
  check_grouped(choices, pair);
  return 0;
}
