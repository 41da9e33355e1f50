// What a thread keeps of a few rows of packed codes while it makes their values.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/decode/float_reader.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/decoding.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

namespace {

// Stretches of so few groups, as samples have them, are read where they are: of the many other
// groups of their rows nothing is kept.
constexpr std::uint64_t few_groups = 4;

// An index along rows that holds this number has never been set: groups are those without it. So
// are those of an index of zeros alone, as exporters leave it that have no order.
constexpr std::uint32_t unset_group = 0xFFFFFFFF;

}  // namespace

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
  const unsigned middle = form_.packing == Packing::quarters ? 1U : 1U << (form_.bits - 1);
  space.row.assign(rows * groups.n, static_cast<float>(middle));
  if (!parts_.zeros) {
    return;
  }
  const bool along_rows = form_.packing == Packing::along_rows;
  const bool even_first = form_.packing == Packing::even_rows_first;
  const std::uint64_t first_word = first * form_.bits / word_bits;
  const std::uint64_t words = words_of(first + rows, form_.bits) - first_word;
  std::vector<std::uint32_t>& of_lines = space.words;
  of_lines.resize(words * groups.n);
  if (along_rows) {
    for (std::uint64_t word = 0; word < words; ++word) {
      parts_.zeros->read((first_word + word) * form_.groups + groups.first, groups.n,
                         of_lines.data() + word * groups.n);
    }
  } else {
    for (std::uint64_t i = 0; i < groups.n; ++i) {
      parts_.zeros->read((groups.first + i) * words_of(form_.rows, form_.bits) + first_word, words,
                         of_lines.data() + i * words);
      for (std::uint64_t word = 0; word < words && form_.bits == 3; ++word) {
        of_lines[i * words + word] += form_.added_words[(first_word + word) % 3];
      }
    }
  }
  for (std::uint64_t row = 0; row < rows; ++row) {
    const std::uint64_t bit = (first + row) * form_.bits;
    const std::uint64_t word = bit / word_bits - first_word;
    const auto within = static_cast<unsigned>(bit % word_bits);
    const unsigned shift = even_first ? 4 * place_of_row[within / 4] : within;
    for (std::uint64_t i = 0; i < groups.n; ++i) {
      const std::uint64_t at = along_rows ? word * groups.n + i : i * words + word;
      space.row[row * groups.n + i] = static_cast<float>(zero_in(&of_lines[at], shift));
    }
  }
}

std::uint32_t PackedCodes::zero_in(const std::uint32_t* words, unsigned shift) const {
  const std::uint32_t mask = (1U << form_.bits) - 1;
  if (word_bits % form_.bits == 0) {
    return (words[0] + form_.added_zero) >> shift & mask;
  }
  std::uint32_t code = words[0] >> shift;
  if (shift + form_.bits > word_bits) {
    code |= words[1] << (word_bits - shift);
  }
  return (code + form_.added_zero) & mask;
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
  const std::uint64_t end = end_line_of(column, n);
  for (std::uint64_t line = first_line_of(column); line < end; ++line) {
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

}  // namespace weightgauge
