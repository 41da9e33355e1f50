// The codes and values of a few rows of packed codes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/decode/packed_codes.hpp"
#include "core/io/decoding.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t codes_of_table = 16;
constexpr std::size_t rows_of_patch = 16;

constexpr std::uint8_t codes_themselves[codes_of_table] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                           8, 9, 10, 11, 12, 13, 14, 15};

std::uint32_t word_at(const std::byte* at) {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

template <class Item>
void PackedCodes::fill(const Band& band, const Patch<Item>& patch) const {
  switch (form_.packing) {
    case Packing::along_rows:
      fill_along_rows(band, patch);
      return;
    case Packing::rows_abreast:
      fill_rows_abreast(band, patch);
      return;
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
    patch.to[j++] = patch.of_codes[pair_at(0) >> 4];
  }
  for (; j + 2 <= patch.columns; j += 2) {
    const unsigned pair = pair_at(j);
    patch.to[j] = patch.of_codes[pair & 15U];
    patch.to[j + 1] = patch.of_codes[pair >> 4];
  }
  if (j < patch.columns) {
    patch.to[j] = patch.of_codes[pair_at(j) & 15U];
  }
}

template <class Item>
void PackedCodes::fill_rows_abreast(const Band& band, const Patch<Item>& patch) const {
  const std::byte* const rows = band.at + (patch.row - band.first) * word_bytes;
  for (std::size_t done = 0; done < patch.columns;) {
    const std::uint64_t column = patch.column + done;
    const std::byte* const words = rows + column / codes_per_word * band.pitch;
    const auto skipped = static_cast<unsigned>(column % codes_per_word);
    const std::size_t n = std::min<std::size_t>(codes_per_word - skipped, patch.columns - done);
    for (std::size_t i = 0; i < patch.rows; ++i) {
      std::uint32_t word = word_at(words + i * word_bytes) >> (4 * skipped);
      const Item* const of_row = patch.of_codes + i * codes_of_table;
      Item* const to = patch.to + i * patch.pitch + done;
      for (std::size_t j = 0; j < n; ++j, word >>= 4) {
        to[j] = of_row[word & 15U];
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
        patch.to[each * patch.pitch + j] = patch.of_codes[each * codes_of_table + code];
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
    patch.to[j] = patch.of_codes[std::to_integer<unsigned>(at[j]) >> (quarter * 2) & 3U];
  }
}

// The codes of a stretch of a row, each in a byte.
void PackedCodes::unpack(const Band& band, std::uint64_t row, std::uint64_t column, std::size_t n,
                         std::uint8_t* codes) const {
  fill(band, Patch<std::uint8_t>{row, 1, column, n, codes_themselves, codes, n});
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
    std::uint64_t together = 1;
    if (rows.pitch == form_.columns) {
      const std::uint64_t of_band = band_rows_ - row % band_rows_;
      together = std::min({of_band, rows.rows - i, std::uint64_t{rows_of_patch}});
    }
    make(row, static_cast<std::size_t>(together), first % form_.columns, n, buffer, values + i * n);
    i += together;
  }
}

// The values of the columns of a group are looked up by their codes.
void PackedCodes::make(std::uint64_t row, std::size_t rows, std::uint64_t column, std::size_t n,
                       ReadBuffer& buffer, float* to) const {
  if (parts_.index) {
    for (std::size_t i = 0; i < rows; ++i) {
      make_by_index(row + i, column, n, buffer, to + i * n);
    }
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

void PackedCodes::make_by_index(std::uint64_t row, std::uint64_t column, std::size_t n,
                                ReadBuffer& buffer, float* to) const {
  if (n > DecodingSpace::value_bytes) {
    const std::size_t half = n / 2;
    make_by_index(row, column, half, buffer, to);
    make_by_index(row, column + half, n - half, buffer, to + half);
    return;
  }
  const Band band = band_of(row, column, n, buffer);
  DecodingSpace& space = buffer.decoding_space();
  auto* const codes = reinterpret_cast<std::uint8_t*>(space.code_storage());
  unpack(band, row, column, n, codes);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t group = space.groups[column + i];
    if (group >= form_.groups) {
      to[i] = std::numeric_limits<float>::quiet_NaN();
      continue;
    }
    const std::size_t place = band.place_of(row, group);
    to[i] = (static_cast<float>(codes[i]) - space.row[place]) * space.kept[place];
  }
}

}  // namespace weightgauge
