// Integers of two, three, four or eight bits in words; groups of them have scales and zeros.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "core/decode/float_reader.hpp"
#include "core/io/decoding.hpp"
#include "core/kernels/group_kernels.hpp"

namespace weightgauge {

// Where the codes of a matrix of rows and columns lie. Words have 32 bits; the first of the codes
// of a word or byte is in its lowest bits.
enum class Packing : std::uint8_t {
  // A word has eight neighbours of one row; rows follow each other, each filled up to whole words.
  along_rows,
  // A word has neighbours of one row; the first words of all rows come first. Codes of a row fill
  // its words from the lowest bits up, and one of three bits may lie in two.
  rows_abreast,
  // A word has eight rows of one column: rows 0, 2, 4, 6, 1, 3, 5 and 7. Columns follow each other.
  even_rows_first,
  // A byte has four rows of one column, which are a quarter of all rows apart.
  quarters,
};
// Codes of four bits in a word, and of two in a byte of quarters.
constexpr unsigned codes_per_word = 8;
constexpr unsigned codes_per_byte = 4;
constexpr std::uint64_t word_bytes = 4;
constexpr unsigned word_bits = 32;

constexpr std::uint64_t words_of(std::uint64_t codes, unsigned bits = 4) {
  return (codes * bits + word_bits - 1) / word_bits;
}

// The place of each of eight rows in a word of even_rows_first.
constexpr unsigned place_of_row[codes_per_word] = {0, 4, 1, 5, 2, 6, 3, 7};

constexpr unsigned code_at(std::uint32_t word, unsigned place) { return word >> (4 * place) & 15U; }

struct PackedForm {
  Packing packing = Packing::along_rows;
  std::uint64_t rows = 1;
  std::uint64_t columns = 1;
  // The columns of a row fall into so many groups, each of `group_columns` that follow each other;
  // or an index tells the group of every column.
  std::uint64_t groups = 1;
  std::uint64_t group_columns = 1;
  // Whether the scales of all rows of a group follow each other, rather than those of all groups of
  // a row.
  bool scales_by_group = false;
  bool divided = false;  // values are divided by the scale, of which there is one
  // What is added to a word of zeros before it is taken apart; of three bits, to each zero.
  std::uint32_t added_zero = 0;
  unsigned bits = 4;  // of a code in words: 2, 3 or 8 as well where rows lie abreast
  // Of three bits: what is added to the words of zeros of a group by turns, before that.
  std::array<std::uint32_t, 3> added_words = {};
};

// A contiguous tensor of words.
struct StoredWords {
  const ByteSource* source = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t items = 0;

  void read(std::uint64_t first, std::uint64_t n, std::uint32_t* to) const;
};

// What a matrix is made of.
struct PackedParts {
  const ByteSource* codes = nullptr;
  std::uint64_t offset = 0;  // of the first code
  std::uint64_t bytes = 0;   // of all codes
  FloatReader scales;        // one for each group of each row, or one for all
  // Packed as the codes are, but without gaps; for along_rows, a word has those of eight rows.
  // Where rows lie abreast, those of a group fill its words one row after the other.
  std::optional<StoredWords> zeros;
  std::optional<StoredWords> index;
};

// Item i * columns + j has the value (code - zero) x scale in float32, of row i and column j. Zero
// is half of all codes, or 1 for quarters, where none is stored. No byte stands behind such an
// item: it is only a number. A column whose group does not exist is NaN.
class PackedCodes : public Decoding {
 public:
  // Throws std::invalid_argument if the parts do not fit each other, or lie beyond the end of a
  // file.
  PackedCodes(const PackedForm& form, const PackedParts& parts);

  std::uint64_t items() const { return form_.rows * form_.columns; }
  std::uint64_t items_in_all() const override { return items(); }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;
  bool makes_rows() const override { return true; }
  void make_rows(const StoredRows& rows, ReadBuffer& buffer, std::byte* to) const override;
  std::uint64_t rows_side_by_side() const override;
  bool counts_multiples() const override;
  void count_multiples(const Run& run, ReadBuffer& buffer, MultipleCounts& counts,
                       PageNotes* notes) const override;
  std::uint64_t items_together() const override;
  std::uint64_t items_in_any_order() const override;
  void count_in_any_order(std::uint64_t first, std::uint64_t last, ReadBuffer& buffer,
                          MultipleCounts& counts, PageNotes* notes) const override;
  std::optional<StoredCodes> stored_codes() const override;
  bool notes_codes(ReadBuffer& buffer) const override;

  // Limits of a matrix, so that what is kept of its rows fits into memory.
  static constexpr std::uint64_t most_side = std::uint64_t{1} << 24;
  static constexpr std::uint64_t most_groups = std::uint64_t{1} << 16;

 private:
  // Groups of columns that follow each other.
  struct Groups {
    std::uint64_t first;
    std::uint64_t n;
  };
  // A few rows of which a thread keeps the scales and zeros of some groups and, if need be, the
  // codes. `at` is where their codes begin, and `pitch` how many bytes lie between lines: rows,
  // words of eight columns, columns, or rows of a quarter.
  struct Band {
    std::uint64_t first;
    Groups groups;
    const std::byte* at;
    std::uint64_t pitch;

    // The place of the scale, and of the zero, of a group of a row.
    std::size_t place_of(std::uint64_t row, std::uint64_t group) const {
      return (row - first) * groups.n + (group - groups.first);
    }
  };
  // Columns that follow each other and are of one group, which may not exist.
  struct Stretch {
    std::uint64_t group;
    std::size_t columns;
  };
  // Begins with a column, and has no more than `n`.
  Stretch stretch_at(std::uint64_t column, std::uint64_t n, const DecodingSpace& space) const;
  void check_parts() const;
  void check_sizes() const;
  std::uint64_t rows_at_a_time() const;
  std::uint64_t columns_at_a_time() const;
  std::uint64_t line_pitch() const;
  std::uint64_t line_of(std::uint64_t row) const;
  // Keeps what so many columns from one on need, at least.
  Band band_of(std::uint64_t row, std::uint64_t column, std::uint64_t n, ReadBuffer& buffer) const;
  Groups groups_to_keep(std::uint64_t column, std::uint64_t n) const;
  void keep_index(DecodingSpace& space) const;
  float single_scale(ReadBuffer& buffer) const;
  void keep_scales(std::uint64_t first, std::uint64_t rows, Groups groups,
                   ReadBuffer& buffer) const;
  void keep_zeros(std::uint64_t first, std::uint64_t rows, Groups groups,
                  DecodingSpace& space) const;
  void keep_line(std::uint64_t row, DecodingSpace& space) const;
  void keep_lines(std::uint64_t first, std::uint64_t rows, std::uint64_t column, std::uint64_t n,
                  DecodingSpace& space) const;
  // Where in a line the codes of some rows begin, and how many bytes of it they take.
  std::uint64_t begin_in_line(std::uint64_t row) const;
  std::uint64_t bytes_in_line(std::uint64_t rows) const;
  // The lines that have codes of some columns, where lines have several rows.
  std::uint64_t first_line_of(std::uint64_t column) const;
  std::uint64_t end_line_of(std::uint64_t column, std::uint64_t n) const;
  std::uint64_t lines() const;
  // The code that a zero of a row is, of whose group some words are kept; `shift` is its first bit
  // in the first of them.
  std::uint32_t zero_in(const std::uint32_t* words, unsigned shift) const;
  void unpack(const Band& band, std::uint64_t row, std::size_t rows, std::uint64_t column,
              std::size_t n, std::uint8_t* codes) const;
  // How many of some rows that follow each other are made together.
  std::size_t rows_together(std::uint64_t row, std::uint64_t rows) const;
  // Of columns of some rows that are in one band.
  void make(std::uint64_t row, std::size_t rows, std::uint64_t column, std::size_t n,
            ReadBuffer& buffer, float* to) const;

  // Some columns of a few rows of a band. For each code of each row there is what is written in its
  // place.
  template <class Item>
  struct Patch {
    std::uint64_t row;  // the first of them
    std::size_t rows;
    std::uint64_t column;
    std::size_t columns;
    const Item* of_codes;  // codes_of_table for each row; or null: codes themselves
    Item* to;
    std::size_t pitch;  // items from one row to the next
  };
  template <class Item>
  void fill(const Band& band, const Patch<Item>& patch) const;
  template <class Item>
  void fill_along_rows(const Band& band, const Patch<Item>& patch) const;
  template <unsigned Bits, class Item>
  void fill_rows_abreast(const Band& band, const Patch<Item>& patch) const;
  template <class Item>
  void fill_even_rows_first(const Band& band, const Patch<Item>& patch) const;
  template <class Item>
  void fill_quarters(const Band& band, const Patch<Item>& patch) const;
  void make_from_codes(std::uint64_t row, std::size_t rows, std::uint64_t column, std::size_t n,
                       ReadBuffer& buffer, float* to) const;

  // Counting by group. Whole groups of whole rows are counted without looking at their codes one by
  // one, where they fill their bytes.
  struct Panel {
    const std::byte* codes;  // of `groups` groups, one after the other or abreast
    std::size_t groups;
    const std::uint16_t* scales;
    const std::uint8_t* zeros;  // null where all are 8
  };
  std::uint64_t group_bytes() const { return form_.group_columns / 2; }
  void open(MultipleCounts& counts, ReadBuffer& buffer) const;
  bool is_single() const { return parts_.scales.items() == 1; }
  bool has_whole_groups(ReadBuffer& buffer) const;
  void count_one_by_one(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                        MultipleCounts& counts) const;
  bool has_quarters_in_memory() const;
  void count_quarters(std::uint64_t first, std::uint64_t end, MultipleCounts& counts) const;
  void count_along_rows(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                        MultipleCounts& counts, PageNotes* notes) const;
  void count_rows_together(std::uint64_t first, std::uint64_t end, ReadBuffer& buffer,
                           MultipleCounts& counts, PageNotes* notes) const;
  // Notes the pages that begin among bytes `begin` up to `end` of the codes, unless `notes` is
  // null.
  void note_stretch(std::uint64_t begin, std::uint64_t end, PageNotes* notes) const;
  void note_lines_of(std::uint64_t group, std::uint64_t first_row, std::uint64_t last_row,
                     PageNotes* notes) const;
  void count_group_of_rows(std::uint64_t row, std::uint64_t rows, std::uint64_t group,
                           DecodingSpace& space, MultipleCounts& counts) const;
  bool find_places(const Panel& panel, std::uint32_t* places, std::uint8_t* used) const;
  // Adds how many codes of each group are of each class; returns how many are 8 or more where
  // classes are folded.
  std::uint64_t count_classes(const Panel& panel, CodeClasses classes, const std::uint32_t* places,
                              std::uint32_t* cells) const;
  void count_panel(const Panel& panel, DecodingSpace& space, MultipleCounts& counts) const;
  void read_scale_codes(std::uint64_t first, std::uint64_t n, std::uint16_t* to) const;
  bool zeros_along_rows(std::uint64_t first, std::uint64_t n, DecodingSpace& space) const;
  bool zeros_of_rows(std::uint64_t first, std::uint64_t rows, std::uint64_t group,
                     DecodingSpace& space) const;

  PackedForm form_;
  PackedParts parts_;
  std::uint64_t band_rows_;
};

}  // namespace weightgauge
