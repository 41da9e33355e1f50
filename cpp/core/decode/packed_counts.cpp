// Counting packed codes by scale and multiple, without making values.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t zero = MultipleCounts::zero;

// Codes that are counted together: so few that they stay in the first caches.
constexpr std::uint64_t panel_bytes = std::uint64_t{1} << 13;
constexpr std::uint64_t most_in_panel = 1024;
// Bytes of two-bit codes that are counted before they are noted.
constexpr std::uint64_t noted_together = std::uint64_t{1} << 15;
// Of rows that lie abreast so many are counted together that whole stretches of lines are read: no
// more than so many items, or eight rows; and, if possible, as many as fill whole registers of
// words of eight rows.
constexpr std::uint64_t most_abreast = 2048;
constexpr std::uint64_t most_items = std::uint64_t{1} << 24;
constexpr std::uint64_t rows_in_registers = 128;

// The usual zero is 8: codes are multiples from -8 to 7.
constexpr std::uint8_t usual_zero = 8;
constexpr std::uint32_t usual_zeros = 0x88888888;  // a word of them

// All scales between the least and the largest of a panel are marked as used where they are no more
// than so many: to mark each by itself takes longer than to look at some in vain.
constexpr int most_marked = 4096;

// Positive scales of which all eight multiples are finite have codes from 1 up to this one.
std::uint16_t last_usual_scale(DType format) { return format == DType::f16 ? 0x7BFF : 0x7DFF; }

// Puts the lower four bytes of a word two apart.
std::uint64_t two_apart(std::uint64_t bytes) {
  bytes = (bytes | bytes << 16) & 0x0000FFFF0000FFFFULL;
  return (bytes | bytes << 8) & 0x00FF00FF00FF00FFULL;
}
// The zeros of eight rows, a byte each, the first in the lowest.
std::uint64_t zeros_of_word(std::uint32_t word, Packing packing) {
  const std::uint64_t pairs = two_apart(word);
  const std::uint64_t places = (pairs | pairs << 4) & 0x0F0F0F0F0F0F0F0FULL;
  return packing == Packing::even_rows_first
             ? two_apart(places & 0xFFFFFFFFU) | two_apart(places >> 32) << 8
             : places;
}

// How often each code of two bits occurs, whose zero is 1.
struct TwoBitCounts {
  std::array<std::uint64_t, codes_per_byte> of{};

  void add_to(MultipleCounts& counts) const {
    for (std::size_t code = 0; code < of.size(); ++code) {
      counts.cells[zero - 1 + code] += static_cast<std::uint32_t>(of[code]);
      counts.in_cells += of[code];
    }
    counts.used[0] = 1;
  }
};

// The zeros in one place of n words. Stores of bytes may change anything that is not a variable of
// this function.
void take_zeros(const std::uint32_t* words, std::uint64_t n, std::uint32_t added, unsigned place,
                std::uint8_t* zeros) {
  for (std::uint64_t i = 0; i < n; ++i) {
    zeros[i] = static_cast<std::uint8_t>(code_at(words[i] + added, place));
  }
}

}  // namespace

bool PackedCodes::counts_multiples() const {
  return form_.bits < 8 && (is_single() || is_16_bit(parts_.scales.dtype()));
}

std::uint64_t PackedCodes::items_together() const {
  if (form_.packing == Packing::along_rows) {
    return form_.group_columns;
  }
  const std::uint64_t most =
      std::clamp<std::uint64_t>(most_items / form_.columns, codes_per_word, most_abreast);
  return form_.columns *
         (most - most % (most < rows_in_registers ? codes_per_word : rows_in_registers));
}

void PackedCodes::read_scale_codes(std::uint64_t first, std::uint64_t n, std::uint16_t* to) const {
  if (is_single()) {
    std::fill_n(to, n, std::uint16_t{0});
  } else {
    parts_.scales.read_stored(first, n, reinterpret_cast<std::byte*>(to));
  }
}

// Whether groups of four bits fill their bytes, follow each other as their scales do, and are in
// memory.
bool PackedCodes::has_whole_groups(ReadBuffer& buffer) const {
  const bool whole = parts_.codes->memory() != nullptr && form_.packing != Packing::quarters &&
                     form_.bits == 4 &&
                     form_.scales_by_group == (form_.packing != Packing::along_rows) &&
                     form_.group_columns % codes_per_word == 0 &&
                     form_.columns == form_.groups * form_.group_columns;
  if (!whole || !parts_.index) {
    return whole;
  }
  band_of(0, 0, 1, buffer);
  return buffer.decoding_space().groups_in_order;
}

void PackedCodes::open(MultipleCounts& counts, ReadBuffer& buffer) const {
  std::optional<float> single;
  if (is_single()) {
    single = single_scale(buffer);
  }
  counts.open(parts_.scales.dtype(), single);
}

void PackedCodes::count_multiples(const Run& run, ReadBuffer& buffer, MultipleCounts& counts,
                                  PageNotes* notes) const {
  open(counts, buffer);
  if (run.stride != 1) {
    for (std::uint64_t i = 0; i < run.items; ++i) {
      const std::uint64_t item = run.offset + i * run.stride;
      count_one_by_one(item, item + 1, buffer, counts);
    }
    return;
  }
  const std::uint64_t end = run.offset + run.items;
  if (has_quarters_in_memory()) {
    count_quarters(run.offset, end, counts);
    return;
  }
  const bool along_rows = form_.packing == Packing::along_rows;
  const std::uint64_t unit = along_rows ? form_.group_columns : form_.columns * rows_at_a_time();
  const std::uint64_t first = std::min(end, (run.offset + unit - 1) / unit * unit);
  const std::uint64_t last = std::max(first, end / unit * unit);
  if (first == last || !has_whole_groups(buffer)) {
    count_one_by_one(run.offset, end, buffer, counts);
    return;
  }
  count_one_by_one(run.offset, first, buffer, counts);
  if (along_rows) {
    count_along_rows(first, last, buffer, counts, notes);
  } else {
    count_rows_together(first, last, buffer, counts, notes);
  }
  count_one_by_one(last, end, buffer, counts);
}

void PackedCodes::count_one_by_one(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                                   MultipleCounts& counts) const {
  DecodingSpace& space = buffer.decoding_space();
  counts.in_cells += end - first;
  for (std::uint64_t item = first; item < end;) {
    const std::uint64_t row = item / form_.columns;
    const std::uint64_t column = item % form_.columns;
    const std::uint64_t n =
        std::min({end - item, form_.columns - column, std::uint64_t{DecodingSpace::value_bytes}});
    const Band band = band_of(row, column, n, buffer);
    auto* const codes = reinterpret_cast<std::uint8_t*>(space.code_storage());
    unpack(band, row, 1, column, static_cast<std::size_t>(n), codes);
    for (std::size_t done = 0; done < n;) {
      const Stretch same = stretch_at(column + done, n - done, space);
      const std::uint8_t* const of_group = codes + done;
      done += same.columns;
      if (same.group >= form_.groups) {
        counts.nans += same.columns;
        counts.in_cells -= same.columns;
        continue;
      }
      const std::size_t place = band.place_of(row, same.group);
      std::uint16_t scale = 0;
      if (!is_single()) {
        std::memcpy(&scale, space.scales.data() + place * sizeof scale, sizeof scale);
      }
      counts.used[scale] = 1;
      std::uint32_t* const of_scale =
          counts.cells.data() + std::size_t{scale} * MultipleCounts::row;
      const std::size_t first_code = zero - static_cast<std::size_t>(space.row[place]);
      for (std::size_t i = 0; i < same.columns; ++i) {
        ++of_scale[first_code + of_group[i]];
      }
    }
    item += n;
  }
}

bool PackedCodes::has_quarters_in_memory() const {
  return form_.packing == Packing::quarters && is_single() && parts_.codes->memory() != nullptr;
}

std::uint64_t PackedCodes::items_in_any_order() const {
  return has_quarters_in_memory() ? items() : 0;
}

// Byte by byte, each with its four rows: in the order of items, all bytes would be read four times.
// A part has the bytes of which it has the last item.
void PackedCodes::count_in_any_order(std::uint64_t first, std::uint64_t last, ReadBuffer& buffer,
                                     MultipleCounts& counts, PageNotes* notes) const {
  open(counts, buffer);
  const std::byte* const bytes = parts_.codes->memory() + parts_.offset;
  const std::uint64_t end = last / codes_per_byte;
  TwoBitCounts found;
  for (std::uint64_t at = first / codes_per_byte; at < end;) {
    const std::uint64_t n = std::min(end - at, noted_together);
    kernels().groups.count_two_bits(bytes + at, static_cast<std::size_t>(n), found.of.data());
    note_stretch(at, at + n, notes);
    at += n;
  }
  found.add_to(counts);
}

void PackedCodes::count_quarters(std::uint64_t first, std::uint64_t end,
                                 MultipleCounts& counts) const {
  const std::byte* const bytes = parts_.codes->memory() + parts_.offset;
  const std::uint64_t quarter = lines() * form_.columns;
  TwoBitCounts found;
  for (std::uint64_t item = first; item < end;) {
    const std::uint64_t place = item / quarter;
    const std::uint64_t n = std::min(end, (place + 1) * quarter) - item;
    kernels().groups.count_quarter(bytes + item % quarter, static_cast<std::size_t>(n),
                                   static_cast<unsigned>(place), found.of.data());
    item += n;
  }
  found.add_to(counts);
}

void PackedCodes::count_along_rows(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                                   MultipleCounts& counts, PageNotes* notes) const {
  DecodingSpace& space = buffer.decoding_space();
  const std::uint64_t most =
      std::clamp<std::uint64_t>(panel_bytes / group_bytes(), 1, most_in_panel);
  const std::byte* const codes = parts_.codes->memory() + parts_.offset;
  for (std::uint64_t group = first / form_.group_columns; group < end / form_.group_columns;) {
    const std::uint64_t n = std::min(most, end / form_.group_columns - group);
    space.scale_codes.resize(std::max<std::size_t>(space.scale_codes.size(), n));
    read_scale_codes(group, n, space.scale_codes.data());
    const bool other_zeros = zeros_along_rows(group, n, space);
    count_panel({codes + group * group_bytes(), static_cast<std::size_t>(n),
                 space.scale_codes.data(), other_zeros ? space.zeros.data() : nullptr},
                space, counts);
    note_stretch(group * group_bytes(), (group + n) * group_bytes(), notes);
    group += n;
  }
}

// The zeros of groups that follow each other along rows; false where none are stored.
bool PackedCodes::zeros_along_rows(std::uint64_t first, std::uint64_t n,
                                   DecodingSpace& space) const {
  if (!parts_.zeros) {
    return false;
  }
  space.zeros.resize(n);
  for (std::uint64_t i = 0; i < n;) {
    const std::uint64_t row = (first + i) / form_.groups;
    const std::uint64_t group = (first + i) % form_.groups;
    const std::uint64_t same = std::min(n - i, form_.groups - group);
    space.words.resize(std::max<std::size_t>(space.words.size(), same));
    parts_.zeros->read(row / codes_per_word * form_.groups + group, same, space.words.data());
    take_zeros(space.words.data(), same, form_.added_zero,
               static_cast<unsigned>(row % codes_per_word), space.zeros.data() + i);
    i += same;
  }
  return true;
}

void PackedCodes::count_rows_together(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                                      MultipleCounts& counts, PageNotes* notes) const {
  const std::uint64_t first_row = first / form_.columns;
  const std::uint64_t last_row = end / form_.columns;
  // Group by group, so that memory is read line by line.
  for (std::uint64_t group = 0; group < form_.groups; ++group) {
    note_lines_of(group, first_row, last_row, notes);
    for (std::uint64_t row = first_row; row < last_row; row += most_abreast) {
      const std::uint64_t rows = std::min<std::uint64_t>(most_abreast, last_row - row);
      count_group_of_rows(row, rows, group, buffer.decoding_space(), counts);
    }
  }
}

void PackedCodes::count_group_of_rows(std::uint64_t row, std::uint64_t rows, std::uint64_t group,
                                      DecodingSpace& space, MultipleCounts& counts) const {
  space.scale_codes.resize(std::max<std::size_t>(space.scale_codes.size(), rows));
  read_scale_codes(group * form_.rows + row, rows, space.scale_codes.data());
  const bool other_zeros = zeros_of_rows(row, rows, group, space);
  const std::uint64_t line = group * form_.group_columns / columns_at_a_time();
  const std::byte* const codes =
      parts_.codes->memory() + parts_.offset + line * line_pitch() + begin_in_line(row);
  count_panel({codes, static_cast<std::size_t>(rows), space.scale_codes.data(),
               other_zeros ? space.zeros.data() : nullptr},
              space, counts);
}

// As `zeros_along_rows`. False too where all are 8, as most quantisers store them: looking at words
// takes an eighth of the time.
bool PackedCodes::zeros_of_rows(std::uint64_t first, std::uint64_t rows, std::uint64_t group,
                                DecodingSpace& space) const {
  if (!parts_.zeros) {
    return false;
  }
  const std::uint64_t first_word = first / codes_per_word;
  const std::uint64_t words = words_of(first + rows) - first_word;
  space.words.resize(std::max<std::size_t>(space.words.size(), words));
  parts_.zeros->read(group * words_of(form_.rows) + first_word, words, space.words.data());
  std::uint32_t others = 0;
  for (std::uint64_t i = 0; i < words; ++i) {
    others |= (space.words[i] + form_.added_zero) ^ usual_zeros;
  }
  if (others == 0) {
    return false;
  }
  space.zeros.resize(words * codes_per_word);
  for (std::uint64_t i = 0; i < words; ++i) {
    const std::uint64_t zeros = zeros_of_word(space.words[i] + form_.added_zero, form_.packing);
    std::memcpy(&space.zeros[i * codes_per_word], &zeros, sizeof zeros);
  }
  space.zeros.erase(space.zeros.begin(),
                    space.zeros.begin() + static_cast<std::ptrdiff_t>(first % codes_per_word));
  return true;
}

std::uint64_t PackedCodes::count_classes(const Panel& panel, CodeClasses classes,
                                         const std::uint32_t* places, std::uint32_t* cells) const {
  const GroupKernels& loops = kernels().groups;
  const std::uint64_t lines = form_.group_columns / columns_at_a_time();
  switch (form_.packing) {
    case Packing::rows_abreast:
      return loops.count_words(panel.codes, line_pitch(), lines, panel.groups, classes, places,
                               cells);
    case Packing::even_rows_first:
      return loops.count_places(panel.codes, line_pitch(), lines, panel.groups / codes_per_word,
                                classes, places, cells);
    default:
      return loops.count_classes(panel.codes, panel.groups, group_bytes(), classes, places, cells);
  }
}

void PackedCodes::count_panel(const Panel& panel, DecodingSpace& space,
                              MultipleCounts& counts) const {
  const std::uint64_t elements = panel.groups * form_.group_columns;
  std::vector<std::uint32_t>& places = space.places;
  places.resize(std::max<std::size_t>(places.size(), panel.groups));
  const bool usual = find_places(panel, places.data(), counts.used.data());
  std::uint32_t* const cells = counts.cells.data();
  if (usual && !is_single()) {
    const std::uint64_t positives =
        count_classes(panel, CodeClasses::folded, places.data(), cells + 1);
    counts.folded += elements;
    counts.folded_negatives += elements - positives;
    return;
  }
  for (std::size_t i = 0; i < panel.groups; ++i) {
    places[i] -= panel.zeros == nullptr ? usual_zero : panel.zeros[i];
  }
  count_classes(panel, CodeClasses::each, places.data(), cells);
  counts.in_cells += elements;
}

// Finds the cell of multiple 0 of each group's scale. Returns whether all zeros are 8, and all
// scales so that no multiple is special.
bool PackedCodes::find_places(const Panel& panel, std::uint32_t* places, std::uint8_t* used) const {
  // Stores of bytes may change anything that is not a variable of this function.
  const std::uint16_t* const scales = panel.scales;
  const std::size_t groups = panel.groups;
  std::int16_t least = std::numeric_limits<std::int16_t>::max();
  std::int16_t largest = std::numeric_limits<std::int16_t>::min();
  for (std::size_t i = 0; i < groups; ++i) {
    const auto scale = static_cast<std::int16_t>(scales[i]);  // negative where the number is
    least = std::min(least, scale);
    largest = std::max(largest, scale);
  }
  for (std::size_t i = 0; i < groups; ++i) {
    places[i] = scales[i] * std::uint32_t{MultipleCounts::row} + std::uint32_t{zero};
  }
  if (least >= 0 && least <= largest && largest - least < most_marked) {
    std::fill_n(used + least, largest - least + 1, std::uint8_t{1});
  } else {
    for (std::size_t i = 0; i < groups; ++i) {
      used[scales[i]] = 1;
    }
  }
  unsigned others = least > 0 && largest <= last_usual_scale(parts_.scales.dtype()) ? 0U : 1U;
  for (std::size_t i = 0; panel.zeros != nullptr && i < groups; ++i) {
    others |= panel.zeros[i] ^ usual_zero;
  }
  return others == 0;
}

}  // namespace weightgauge
