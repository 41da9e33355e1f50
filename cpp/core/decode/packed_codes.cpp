#include "core/decode/packed_codes.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

namespace {

// Rows whose codes lie side by side are kept together: those of a cache line, or, where each line
// is a call to the system, more of them.
constexpr std::uint64_t rows_in_memory = 16;
constexpr std::uint64_t rows_read = 64;
// Bytes of codes that are kept, but for those of eight rows.
constexpr std::uint64_t kept_codes = std::uint64_t{1} << 22;

// Stretches of so few groups, as samples have them, are read where they are: of the many other
// groups of their rows nothing is kept.
constexpr std::uint64_t few_groups = 4;

// An index along rows that holds this number has never been set: groups are those without it. So
// are those of an index of zeros alone, as exporters leave it that have no order.
constexpr std::uint32_t unset_group = 0xFFFFFFFF;

// The place of each of eight rows in a word of even_rows_first.
constexpr unsigned place_of_row[codes_per_word] = {0, 4, 1, 5, 2, 6, 3, 7};

unsigned code_at(std::uint32_t word, unsigned place) { return word >> (4 * place) & 15U; }

std::uint32_t word_at(const std::byte* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void check_words(const std::optional<StoredWords>& words, std::uint64_t items) {
  if (!words) {
    return;
  }
  if (words->items != items) {
    throw std::invalid_argument("there are more or fewer zeros or groups than packed codes need");
  }
  if (!words->source->has(words->offset, items, word_bytes)) {
    throw std::invalid_argument("zeros or groups reach beyond the end of their file");
  }
}

}  // namespace

void StoredWords::read(std::uint64_t first, std::uint64_t n, std::uint32_t* to) const {
  source->read(reinterpret_cast<std::byte*>(to), static_cast<std::size_t>(n * word_bytes),
               offset + first * word_bytes);
}

PackedCodes::PackedCodes(const PackedForm& form, const PackedParts& parts)
    : Decoding(DType::f32, 1), form_(form), parts_(parts), band_rows_(1) {
  check_parts();
  if (form_.packing == Packing::rows_abreast || form_.packing == Packing::even_rows_first) {
    const std::uint64_t most = kept_codes / std::max<std::uint64_t>(form_.columns / 2, 1);
    const std::uint64_t read = std::clamp<std::uint64_t>(most / codes_per_word * codes_per_word,
                                                         codes_per_word, rows_read);
    band_rows_ = parts_.codes->memory() != nullptr ? rows_in_memory : read;
  }
}

void PackedCodes::check_parts() const {
  const auto side = [](std::uint64_t n) { return n > 0 && n <= most_side; };
  if (!side(form_.rows) || !side(form_.columns)) {
    throw std::invalid_argument("a matrix of packed codes is empty or too large");
  }
  const bool sized = form_.group_columns > 0 && form_.group_columns <= form_.columns;
  if (form_.groups == 0 || form_.groups > most_groups || !sized) {
    throw std::invalid_argument("packed codes have no groups, or too many");
  }
  const bool by_index = parts_.index && form_.packing != Packing::along_rows;
  if (!by_index && (form_.columns - 1) / form_.group_columns >= form_.groups) {
    throw std::invalid_argument("packed codes have columns without a group");
  }
  if (form_.rows % rows_at_a_time() != 0 || form_.columns % columns_at_a_time() != 0) {
    throw std::invalid_argument("packed codes do not fill their words");
  }
  if (parts_.bytes != lines() * line_pitch()) {
    throw std::invalid_argument("there are more or fewer packed codes than values");
  }
  if (!parts_.codes->has(parts_.offset, parts_.bytes, 1)) {
    throw std::invalid_argument("packed codes reach beyond the end of their file");
  }
  const std::uint64_t scales = parts_.scales.items();
  if (scales != 1 && scales != form_.rows * form_.groups) {
    throw std::invalid_argument("there are more or fewer scales than groups of packed codes");
  }
  if (form_.divided && scales != 1) {
    throw std::invalid_argument("packed codes are divided by one scale alone");
  }
  check_words(parts_.zeros, words_of(form_.rows) * form_.groups);
  check_words(parts_.index, form_.columns);
}

std::uint64_t PackedCodes::rows_at_a_time() const {
  if (form_.packing == Packing::quarters) {
    return codes_per_byte;
  }
  return form_.packing == Packing::even_rows_first ? codes_per_word : 1;
}

std::uint64_t PackedCodes::columns_at_a_time() const {
  return form_.packing == Packing::rows_abreast ? codes_per_word : 1;
}

std::uint64_t PackedCodes::lines() const {
  switch (form_.packing) {
    case Packing::along_rows:
      return form_.rows;
    case Packing::rows_abreast:
      return form_.columns / codes_per_word;
    case Packing::even_rows_first:
      return form_.columns;
    case Packing::quarters:
      break;
  }
  return form_.rows / codes_per_byte;
}

// Where a line has one row.
std::uint64_t PackedCodes::line_of(std::uint64_t row) const {
  return row % std::max<std::uint64_t>(lines(), 1);
}

std::uint64_t PackedCodes::line_pitch() const {
  switch (form_.packing) {
    case Packing::along_rows:
      return words_of(form_.columns) * word_bytes;
    case Packing::rows_abreast:
      return form_.rows * word_bytes;
    case Packing::even_rows_first:
      return form_.rows / codes_per_word * word_bytes;
    case Packing::quarters:
      break;
  }
  return form_.columns;
}

std::uint64_t PackedCodes::begin_in_line(std::uint64_t row) const {
  return form_.packing == Packing::rows_abreast ? row * word_bytes
                                                : row / codes_per_word * word_bytes;
}

std::uint64_t PackedCodes::bytes_in_line(std::uint64_t rows) const {
  return form_.packing == Packing::rows_abreast ? rows * word_bytes : words_of(rows) * word_bytes;
}

void PackedCodes::keep_index(DecodingSpace& space) const {
  if (!parts_.index) {
    return;
  }
  std::vector<std::uint32_t>& groups = space.groups;
  groups.resize(form_.columns);
  parts_.index->read(0, form_.columns, groups.data());
  const bool in_order = (form_.columns - 1) / form_.group_columns < form_.groups;
  const bool unset = form_.packing == Packing::along_rows &&
                     std::find(groups.begin(), groups.end(), unset_group) != groups.end();
  const bool zeros =
      std::all_of(groups.begin(), groups.end(), [](std::uint32_t group) { return group == 0; });
  if (in_order && (unset || zeros)) {
    for (std::uint64_t column = 0; column < form_.columns; ++column) {
      groups[column] = static_cast<std::uint32_t>(column / form_.group_columns);
    }
  }
  space.groups_in_order = in_order;
  for (std::uint64_t column = 0; column < form_.columns; ++column) {
    space.groups_in_order &= groups[column] == column / form_.group_columns;
  }
}

// What all codes are multiplied by, where one scale is for all.
float PackedCodes::single_scale(ReadBuffer& buffer) const {
  float scale = 0;
  parts_.scales.read(0, 1, buffer, &scale);
  return form_.divided ? 1 / scale : scale;  // the codes 0, 1 and 2 times this: rounded no further
}

// One after the other by row.
void PackedCodes::keep_scales(std::uint64_t first, std::uint64_t rows, Groups groups,
                              ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  std::vector<float>& kept = space.kept;
  const std::size_t item = item_bytes(parts_.scales.dtype());
  kept.resize(rows * groups.n);
  if (is_single()) {
    std::fill(kept.begin(), kept.end(), single_scale(buffer));
    return;
  }
  std::vector<std::byte>& stored = space.scales;  // as they are counted
  stored.resize(rows * groups.n * item);
  if (!form_.scales_by_group) {
    for (std::uint64_t row = 0; row < rows; ++row) {
      parts_.scales.read_stored((first + row) * form_.groups + groups.first, groups.n,
                                &stored[row * groups.n * item]);
    }
  } else {
    std::vector<std::byte>& of_group = space.line;
    of_group.resize(rows * item);
    for (std::uint64_t i = 0; i < groups.n; ++i) {
      parts_.scales.read_stored((groups.first + i) * form_.rows + first, rows, of_group.data());
      for (std::uint64_t row = 0; row < rows; ++row) {
        std::memcpy(&stored[(row * groups.n + i) * item], &of_group[row * item], item);
      }
    }
  }
  convert_values(parts_.scales.dtype(), stored.data(), rows * groups.n, kept.data());
}

void PackedCodes::keep_zeros(std::uint64_t first, std::uint64_t rows, Groups groups,
                             DecodingSpace& space) const {
  space.row.assign(rows * groups.n, form_.packing == Packing::quarters ? 1.0F : 8.0F);
  if (!parts_.zeros) {
    return;
  }
  const bool along_rows = form_.packing == Packing::along_rows;
  const bool even_first = form_.packing == Packing::even_rows_first;
  const std::uint64_t first_word = first / codes_per_word;
  const std::uint64_t words = words_of(first + rows) - first_word;
  std::vector<std::uint32_t>& of_lines = space.words;
  of_lines.resize(words * groups.n);
  if (along_rows) {
    for (std::uint64_t word = 0; word < words; ++word) {
      parts_.zeros->read((first_word + word) * form_.groups + groups.first, groups.n,
                         of_lines.data() + word * groups.n);
    }
  } else {
    for (std::uint64_t i = 0; i < groups.n; ++i) {
      parts_.zeros->read((groups.first + i) * words_of(form_.rows) + first_word, words,
                         of_lines.data() + i * words);
    }
  }
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t word = (first + row) / codes_per_word - first_word;
    const auto within = static_cast<unsigned>((first + row) % codes_per_word);
    const unsigned place = even_first ? place_of_row[within] : within;
    for (std::uint64_t i = 0; i < groups.n; ++i) {
      const std::uint64_t at = along_rows ? word * groups.n + i : i * words + word;
      const std::uint32_t added = of_lines[at] + form_.added_zero;
      space.row[row * groups.n + i] = static_cast<float>(code_at(added, place));
    }
  }
}

// Of which groups the scales and zeros are kept for a stretch of a row: an index may name any, and
// where each is a call to the system all are read at once.
PackedCodes::Groups PackedCodes::groups_to_keep(std::uint64_t column, std::uint64_t n) const {
  const std::uint64_t first = column / form_.group_columns;
  const std::uint64_t last = (column + n - 1) / form_.group_columns;
  if (parts_.index || parts_.codes->memory() == nullptr || last - first >= few_groups) {
    return {0, form_.groups};
  }
  return {first, last - first + 1};
}

// The codes of a row that are not in memory, where they lie side by side.
void PackedCodes::keep_line(std::uint64_t row, DecodingSpace& space) const {
  space.kept_bytes.resize(line_pitch());
  parts_.codes->read(space.kept_bytes.data(), static_cast<std::size_t>(line_pitch()),
                     parts_.offset + line_of(row) * line_pitch());
}

// Those of several rows, of the lines that columns lie in. A line is read once for all rows.
void PackedCodes::keep_lines(std::uint64_t first, std::uint64_t rows, std::uint64_t column,
                             std::uint64_t n, DecodingSpace& space) const {
  const auto bytes = static_cast<std::size_t>(bytes_in_line(rows));
  const std::uint64_t end = (column + n - 1) / columns_at_a_time() + 1;
  for (std::uint64_t line = column / columns_at_a_time(); line < end; ++line) {
    if (space.kept_lines[line] == 0) {
      parts_.codes->read(space.kept_bytes.data() + line * bytes, bytes,
                         parts_.offset + line * line_pitch() + begin_in_line(first));
      space.kept_lines[line] = 1;
    }
  }
}

PackedCodes::Band PackedCodes::band_of(std::uint64_t row, std::uint64_t column, std::uint64_t n,
                                       ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  const std::uint64_t first = row - row % band_rows_;
  const std::uint64_t rows = std::min(band_rows_, form_.rows - first);
  const std::byte* const memory = parts_.codes->memory();
  const bool single = band_rows_ == 1;
  const Groups groups = groups_to_keep(column, n);
  if (space.owner != this || space.kept_first != first || groups.first < space.first_group ||
      groups.first + groups.n > space.last_group) {
    const bool known = space.owner == this;
    space.owner = nullptr;
    if (!known) {
      keep_index(space);
    }
    keep_scales(first, rows, groups, buffer);
    keep_zeros(first, rows, groups, space);
    if (memory == nullptr && single) {
      keep_line(first, space);
    } else if (memory == nullptr) {
      space.kept_bytes.resize(lines() * bytes_in_line(rows));
      space.kept_lines.assign(lines(), 0);
    }
    space.owner = this;
    space.kept_first = first;
    space.kept_last = first + rows;
    space.first_group = groups.first;
    space.last_group = groups.first + groups.n;
  }
  const Groups kept = {space.first_group, space.last_group - space.first_group};
  const std::uint64_t line = single ? line_of(first) : 0;
  if (memory != nullptr) {
    const std::uint64_t within = single ? 0 : begin_in_line(first);
    return {first, kept, memory + parts_.offset + line * line_pitch() + within, line_pitch()};
  }
  if (!single) {
    keep_lines(first, rows, column, n, space);
  }
  return {first, kept, space.kept_bytes.data(), single ? line_pitch() : bytes_in_line(rows)};
}

// The codes of a stretch of a row, each in a byte.
void PackedCodes::unpack(const Band& band, std::uint64_t row, std::uint64_t column, std::size_t n,
                         std::uint8_t* codes) const {
  const std::uint64_t within = row - band.first;
  switch (form_.packing) {
    case Packing::along_rows:
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t at = column + i;
        const auto pair = std::to_integer<unsigned>(band.at[at / 2]);
        codes[i] = static_cast<std::uint8_t>(pair >> (at % 2 * 4) & 15U);
      }
      return;
    case Packing::rows_abreast:
      for (std::size_t i = 0; i < n;) {
        const std::uint64_t at = column + i;
        std::uint32_t word =
            word_at(band.at + at / codes_per_word * band.pitch + within * word_bytes);
        word >>= at % codes_per_word * 4;
        const std::size_t end = std::min<std::size_t>(n, i + codes_per_word - at % codes_per_word);
        for (; i < end; ++i, word >>= 4) {
          codes[i] = static_cast<std::uint8_t>(word & 15U);
        }
      }
      return;
    case Packing::even_rows_first: {
      const unsigned place = place_of_row[within % codes_per_word];
      const std::byte* const at = band.at + within / codes_per_word * word_bytes;
      for (std::size_t i = 0; i < n; ++i) {
        codes[i] =
            static_cast<std::uint8_t>(code_at(word_at(at + (column + i) * band.pitch), place));
      }
      return;
    }
    case Packing::quarters:
      break;
  }
  const std::uint64_t quarter = row / std::max<std::uint64_t>(lines(), 1);
  for (std::size_t i = 0; i < n; ++i) {
    const auto four = std::to_integer<unsigned>(band.at[column + i]);
    codes[i] = static_cast<std::uint8_t>(four >> (quarter * 2) & 3U);
  }
}

void PackedCodes::make(std::uint64_t row, std::uint64_t column, std::size_t n, ReadBuffer& buffer,
                       float* to) const {
  const Band band = band_of(row, column, n, buffer);
  DecodingSpace& space = buffer.decoding_space();
  auto* const codes = reinterpret_cast<std::uint8_t*>(space.code_storage());
  unpack(band, row, column, n, codes);
  if (parts_.index) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint32_t group = space.groups[column + i];
      if (group >= form_.groups) {
        to[i] = std::numeric_limits<float>::quiet_NaN();
        continue;
      }
      const std::size_t place = band.place_of(row, group);
      to[i] = (static_cast<float>(codes[i]) - space.row[place]) * space.kept[place];
    }
    return;
  }
  for (std::size_t i = 0; i < n;) {
    const std::uint64_t group = (column + i) / form_.group_columns;
    const auto end = static_cast<std::size_t>(
        std::min<std::uint64_t>(n, (group + 1) * form_.group_columns - column));
    const std::size_t place = band.place_of(row, group);
    const float scale = space.kept[place];
    const float zero = space.row[place];
    for (; i < end; ++i) {
      to[i] = (static_cast<float>(codes[i]) - zero) * scale;
    }
  }
}

void PackedCodes::decode(const ByteSource& /*stored*/, const Run& run, ReadBuffer& buffer,
                         const TakeValues& take) const {
  constexpr std::uint64_t most = DecodingSpace::value_bytes / sizeof(float);
  std::byte* const to = buffer.decoding_space().value_storage();
  auto* const values = reinterpret_cast<float*>(to);
  for (std::uint64_t from = 0; from < run.items;) {
    if (run.stride != 1) {
      const std::uint64_t n = std::min(most, run.items - from);
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t item = run.offset + (from + i) * run.stride;
        make(item / form_.columns, item % form_.columns, 1, buffer, values + i);
      }
      take(to, static_cast<std::size_t>(n));
      from += n;
      continue;
    }
    const std::uint64_t row = (run.offset + from) / form_.columns;
    const std::uint64_t column = (run.offset + from) % form_.columns;
    const std::uint64_t n = std::min({most, run.items - from, form_.columns - column});
    make(row, column, static_cast<std::size_t>(n), buffer, values);
    take(to, static_cast<std::size_t>(n));
    from += n;
  }
}

}  // namespace weightgauge
