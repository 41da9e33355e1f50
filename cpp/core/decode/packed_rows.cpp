// The codes and values of a few rows of packed codes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/decode/packed_codes.hpp"
#include "core/io/decoding.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

namespace {

// Of codes that are so narrow all values of a group are made, and looked up.
constexpr unsigned looked_up_bits = 4;
constexpr std::size_t codes_of_table = std::size_t{1} << looked_up_bits;
constexpr std::size_t rows_of_patch = 16;

std::uint32_t word_at(const std::byte* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// What is written in the place of a code of a row.
template <class Item>
Item item_of(const Item* of_row, std::size_t code) {
  if constexpr (std::is_same_v<Item, std::uint8_t>) {
    return static_cast<std::uint8_t>(code);
  } else {
    return of_row[code];
  }
}

template <class Item>
const Item* table_of(const Item* of_codes, std::size_t row) {
  return of_codes == nullptr ? nullptr : of_codes + row * codes_of_table;
}

}  // namespace

template <class Item>
void PackedCodes::fill(const Band& band, const Patch<Item>& patch) const {
  switch (form_.packing) {
    case Packing::along_rows:
      fill_along_rows(band, patch);
      return;
    case Packing::rows_abreast:
      switch (form_.bits) {
        case 2:
          fill_rows_abreast<2>(band, patch);
          return;
        case 3:
          fill_rows_abreast<3>(band, patch);
          return;
        case 8:
          fill_rows_abreast<8>(band, patch);
          return;
        default:
          fill_rows_abreast<4>(band, patch);
          return;
      }
    case Packing::even_rows_first:
      fill_even_rows_first(band, patch);
      return;
    case Packing::quarters:
      fill_quarters(band, patch);
  }
}

// Of one row: a band has no more.
template <class Item>
void PackedCodes::fill_along_rows(const Band& band, const Patch<Item>& patch) const {
  const auto pair_at = [&](std::size_t j) {
    return std::to_integer<unsigned>(band.at[(patch.column + j) / 2]);
  };
  std::size_t j = 0;
  if (patch.column % 2 == 1 && patch.columns > 0) {
    patch.to[j++] = item_of(patch.of_codes, pair_at(0) >> 4);
  }
  for (; j + 2 <= patch.columns; j += 2) {
    const unsigned pair = pair_at(j);
    patch.to[j] = item_of(patch.of_codes, pair & 15U);
    patch.to[j + 1] = item_of(patch.of_codes, pair >> 4);
  }
  if (j < patch.columns) {
    patch.to[j] = item_of(patch.of_codes, pair_at(j) & 15U);
  }
}

template <unsigned Bits, class Item>
void PackedCodes::fill_rows_abreast(const Band& band, const Patch<Item>& patch) const {
  constexpr std::size_t codes = word_bits / Bits;
  constexpr std::uint32_t mask = (1U << Bits) - 1;
  const std::byte* const rows = band.at + (patch.row - band.first) * word_bytes;
  for (std::size_t done = 0; done < patch.columns;) {
    const std::uint64_t bit = (patch.column + done) * Bits;
    const std::byte* const words = rows + bit / word_bits * band.pitch;
    const auto shift = static_cast<unsigned>(bit % word_bits);
    const std::size_t left = (word_bits - shift) / Bits;
    const bool in_two = word_bits % Bits != 0 && left == 0;  // the rest is in the next line
    const std::size_t n = std::min(in_two ? 1 : left, patch.columns - done);
    for (std::size_t i = 0; i < patch.rows; ++i) {
      std::uint32_t word = word_at(words + i * word_bytes) >> shift;
      if (in_two) {
        word |= word_at(words + band.pitch + i * word_bytes) << (word_bits - shift);
      }
      const Item* const of_row = table_of(patch.of_codes, i);
      Item* const to = patch.to + i * patch.pitch + done;
      if (n == codes) {  // a loop of known length
        for (std::size_t j = 0; j < codes; ++j, word >>= Bits) {
          to[j] = item_of(of_row, word & mask);
        }
      } else {
        for (std::size_t j = 0; j < n; ++j, word >>= Bits) {
          to[j] = item_of(of_row, word & mask);
        }
      }
    }
    done += n;
  }
}

template <class Item>
void PackedCodes::fill_even_rows_first(const Band& band, const Patch<Item>& patch) const {
  const std::uint64_t within = patch.row - band.first;
  for (std::size_t i = 0; i < patch.rows;) {
    const std::uint64_t row = within + i;
    const auto skipped = static_cast<std::size_t>(row % codes_per_word);
    const std::size_t end = std::min(i + codes_per_word - skipped, patch.rows);
    const std::byte* line = band.at + row / codes_per_word * word_bytes + patch.column * band.pitch;
    for (std::size_t j = 0; j < patch.columns; ++j, line += band.pitch) {
      const std::uint32_t word = word_at(line);
      for (std::size_t each = i; each < end; ++each) {
        const unsigned code = code_at(word, place_of_row[skipped + each - i]);
        // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound): each is less than patch.rows
        patch.to[each * patch.pitch + j] = item_of(table_of(patch.of_codes, each), code);
      }
    }
    i = end;
  }
}

// Of one row.
template <class Item>
void PackedCodes::fill_quarters(const Band& band, const Patch<Item>& patch) const {
  const std::uint64_t quarter = patch.row / std::max<std::uint64_t>(lines(), 1);
  const std::byte* const at = band.at + patch.column;
  for (std::size_t j = 0; j < patch.columns; ++j) {
    patch.to[j] = item_of(patch.of_codes, std::to_integer<unsigned>(at[j]) >> (quarter * 2) & 3U);
  }
}

// The codes of columns of some rows of a band, each in a byte.
void PackedCodes::unpack(const Band& band, std::uint64_t row, std::size_t rows,
                         std::uint64_t column, std::size_t n, std::uint8_t* codes) const {
  fill(band, Patch<std::uint8_t>{row, rows, column, n, nullptr, codes, n});
}

std::size_t PackedCodes::rows_together(std::uint64_t row, std::uint64_t rows) const {
  const std::uint64_t of_band = band_rows_ - row % band_rows_;
  return static_cast<std::size_t>(std::min({of_band, rows, std::uint64_t{rows_of_patch}}));
}

std::uint64_t PackedCodes::rows_side_by_side() const {
  const bool side_by_side =
      form_.packing == Packing::rows_abreast || form_.packing == Packing::even_rows_first;
  return side_by_side ? codes_per_word : 1;
}

void PackedCodes::make_rows(const StoredRows& rows, ReadBuffer& buffer, std::byte* to) const {
  auto* const values = reinterpret_cast<float*>(to);
  const auto n = static_cast<std::size_t>(rows.items);
  for (std::uint64_t i = 0; i < rows.rows;) {
    const std::uint64_t first = rows.offset + i * rows.pitch;
    const std::uint64_t row = first / form_.columns;
    const bool neighbours = rows.pitch == form_.columns;
    const std::size_t together = rows_together(row, neighbours ? rows.rows - i : 1);
    make(row, together, first % form_.columns, n, buffer, values + i * n);
    i += together;
  }
}

// The values of the columns of a group are looked up by their codes.
void PackedCodes::make(std::uint64_t row, std::size_t rows, std::uint64_t column, std::size_t n,
                       ReadBuffer& buffer, float* to) const {
  if (parts_.index || form_.bits > looked_up_bits) {
    make_from_codes(row, rows, column, n, buffer, to);
    return;
  }
  const Band band = band_of(row, column, n, buffer);
  const DecodingSpace& space = buffer.decoding_space();
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t first = column + done;
    const std::uint64_t group = first / form_.group_columns;
    const auto columns = static_cast<std::size_t>(
        std::min<std::uint64_t>(n - done, (group + 1) * form_.group_columns - first));
    float values[rows_of_patch * codes_of_table];
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t place = band.place_of(row + i, group);
      const float scale = space.kept[place];
      const float zero = space.row[place];
      for (std::size_t code = 0; code < codes_of_table; ++code) {
        values[i * codes_of_table + code] = (static_cast<float>(code) - zero) * scale;
      }
    }
    fill(band, Patch<float>{row, rows, first, columns, values, to + done, n});
    done += columns;
  }
}

PackedCodes::Stretch PackedCodes::stretch_at(std::uint64_t column, std::uint64_t n,
                                             const DecodingSpace& space) const {
  if (parts_.index && !space.groups_in_order) {
    return {space.groups[column], 1};
  }
  const std::uint64_t group = column / form_.group_columns;
  const std::uint64_t left = (group + 1) * form_.group_columns - column;
  return {group, static_cast<std::size_t>(std::min(n, left))};
}

// Values one by one, of all rows together whose codes there is room for.
void PackedCodes::make_from_codes(std::uint64_t row, std::size_t rows, std::uint64_t column,
                                  std::size_t n, ReadBuffer& buffer, float* to) const {
  constexpr std::size_t most = DecodingSpace::value_bytes;
  if (rows > 1 && n > most / rows) {
    const std::size_t half = rows / 2;
    make_from_codes(row, half, column, n, buffer, to);
    make_from_codes(row + half, rows - half, column, n, buffer, to + half * n);
    return;
  }
  if (n > most) {
    const std::size_t half = n / 2;
    make_from_codes(row, 1, column, half, buffer, to);
    make_from_codes(row, 1, column + half, n - half, buffer, to + half);
    return;
  }
  const Band band = band_of(row, column, n, buffer);
  DecodingSpace& space = buffer.decoding_space();
  auto* const codes = reinterpret_cast<std::uint8_t*>(space.code_storage());
  unpack(band, row, rows, column, n, codes);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t done = 0; done < n;) {
      const Stretch same = stretch_at(column + done, n - done, space);
      float* const values = to + i * n + done;
      const std::uint8_t* const of_group = codes + i * n + done;
      done += same.columns;
      if (same.group >= form_.groups) {
        std::fill_n(values, same.columns, std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      const std::size_t place = band.place_of(row + i, same.group);
      const float scale = space.kept[place];
      const float zero = space.row[place];
      for (std::size_t j = 0; j < same.columns; ++j) {
        values[j] = (static_cast<float>(of_group[j]) - zero) * scale;
      }
    }
  }
}

}  // namespace weightgauge
