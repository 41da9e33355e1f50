#include "core/decode/packed_codes.hpp"

#include <algorithm>
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

void check_words(const std::optional<StoredWords>& words, std::uint64_t items) {
  if (words && words->items != items) {
    throw std::invalid_argument("there are more or fewer zeros or groups than packed codes need");
  }
  if (words && !words->source->has(words->offset, items, word_bytes)) {
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
    const std::uint64_t of_row = words_of(form_.columns, form_.bits) * word_bytes;
    const std::uint64_t most = kept_codes / of_row;
    const std::uint64_t read = std::clamp<std::uint64_t>(most / codes_per_word * codes_per_word,
                                                         codes_per_word, rows_read);
    band_rows_ = parts_.codes->memory() != nullptr ? rows_in_memory : read;
  }
}

void PackedCodes::check_sizes() const {
  const auto side = [](std::uint64_t n) { return n > 0 && n <= most_side; };
  if (!side(form_.rows) || !side(form_.columns)) {
    throw std::invalid_argument("a matrix of packed codes is empty or too large");
  }
  const bool other = form_.packing == Packing::rows_abreast &&
                     (form_.bits == 2 || form_.bits == 3 || form_.bits == 8);
  if (form_.bits != 4 && !other) {
    throw std::invalid_argument("packed codes have no such number of bits");
  }
  const bool sized = form_.group_columns > 0 && form_.group_columns <= form_.columns;
  if (form_.groups == 0 || form_.groups > most_groups || !sized) {
    throw std::invalid_argument("packed codes have no groups, or too many");
  }
}

void PackedCodes::check_parts() const {
  check_sizes();
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
  if (form_.packing == Packing::quarters && (parts_.zeros || parts_.index)) {
    throw std::invalid_argument("codes of two bits have neither zeros nor an index of groups");
  }
  check_words(parts_.zeros, words_of(form_.rows, form_.bits) * form_.groups);
  check_words(parts_.index, form_.columns);
}

std::uint64_t PackedCodes::rows_at_a_time() const {
  if (form_.packing == Packing::quarters) {
    return codes_per_byte;
  }
  return form_.packing == Packing::even_rows_first ? codes_per_word : 1;
}

std::uint64_t PackedCodes::columns_at_a_time() const {
  if (form_.packing != Packing::rows_abreast) {
    return 1;
  }
  return word_bits % form_.bits == 0 ? word_bits / form_.bits : word_bits;
}

std::uint64_t PackedCodes::lines() const {
  switch (form_.packing) {
    case Packing::along_rows:
      return form_.rows;
    case Packing::rows_abreast:
      return words_of(form_.columns, form_.bits);
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

std::uint64_t PackedCodes::first_line_of(std::uint64_t column) const {
  return form_.packing == Packing::rows_abreast ? column * form_.bits / word_bits : column;
}

std::uint64_t PackedCodes::end_line_of(std::uint64_t column, std::uint64_t n) const {
  return form_.packing == Packing::rows_abreast ? words_of(column + n, form_.bits) : column + n;
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
        make(item / form_.columns, 1, item % form_.columns, 1, buffer, values + i);
      }
      take(to, static_cast<std::size_t>(n));
      from += n;
      continue;
    }
    const std::uint64_t row = (run.offset + from) / form_.columns;
    const std::uint64_t column = (run.offset + from) % form_.columns;
    const std::uint64_t n = std::min({most, run.items - from, form_.columns - column});
    const std::uint64_t whole = n == form_.columns ? std::min(most, run.items - from) / n : 1;
    const std::size_t rows = rows_together(row, whole);
    make(row, rows, column, static_cast<std::size_t>(n), buffer, values);
    take(to, rows * static_cast<std::size_t>(n));
    from += rows * n;
  }
}

}  // namespace weightgauge
