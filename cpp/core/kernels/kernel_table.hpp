// The loops that touch every weight, one set of them for each instruction set. Input need not be
// aligned.
//
// This header and those it includes must hold no function, because the file of every instruction
// set includes them. Of an inline function the linker keeps one copy for the whole program, and
// that copy could use instructions that this processor lacks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/bin_cells.hpp"
#include "core/kernels/bin_kernels.hpp"
#include "core/kernels/entry_kernels.hpp"
#include "core/kernels/group_kernels.hpp"
#include "core/kernels/page_notes.hpp"
#include "core/kernels/scale_kernels.hpp"
#include "core/kernels/term_kernels.hpp"

namespace weightgauge {

// Crowded data are counted in several sub-tables. The stride, in cells, is chosen so that a code
// falls into a different set of the first-level cache in each sub-table, and so do its double and
// its half, which are 128 codes of BF16 away. Processors confuse addresses that share their low
// twelve bits: a load would wait for a store to such an address.
constexpr std::size_t sub_tables = 8;
constexpr std::size_t byte_tables = 8;
constexpr std::size_t item_codes = std::size_t{1} << 16;
constexpr std::size_t sub_table_stride = item_codes + 144;

// Some codes of 16-bit items: of windows that are spread over them those that lie side by side, and
// others that lie far apart, because each block of many may have codes of its own. None are taken
// of few items, and of items whose codes leave none for spare cells.
constexpr std::size_t sampled_windows = 16;
constexpr std::size_t sampled_in_window = 16;
constexpr std::size_t sampled_apart = 64;
struct CodeSample {
  std::uint16_t codes[sampled_windows * sampled_in_window];
  std::uint16_t apart[sampled_apart];
  bool taken;
};

// Two 16-bit codes that many items have, and whether they should be counted apart: so they should
// if there are other codes, and none of these is common.
struct CommonCodes {
  std::uint16_t first;
  std::uint16_t second;
  bool apart;
};
// The codes that nearly all of some 16-bit items have; none where there are more of them.
constexpr std::size_t most_few = 16;
struct FewCodes {
  std::uint16_t codes[most_few];
  std::size_t size;
};
// Tables in which common codes are counted apart have so many cells more, from this one on.
constexpr std::size_t spare_cell = item_codes / 2;
constexpr std::size_t spare_cells = 64;

// `n` rows of `bytes` bytes that will be counted later. Loops over other rows prefetch them, one
// cache line after the other. `line` is the next one; it lies in the first of the rows that are
// left.
struct UpcomingRows {
  const std::byte* const* rows = nullptr;
  std::size_t n = 0;
  std::size_t bytes = 0;
  const std::byte* line = nullptr;
};

// The part of each row that belongs to one slice: the byte at which it begins in the row, the
// slice's counts, and to what the number of its negative items is added.
struct RowPart {
  std::ptrdiff_t offset;
  std::uint32_t* counts;
  std::uint64_t negatives;
};
constexpr std::size_t most_row_parts = 4;

// 16-bit items in rows: what tells magnitudes apart, and NegativeCodes::first_other.
struct RowItems {
  std::uint16_t mask;
  std::uint16_t first_other;
};

// Loops that find some of their input store whole vectors. So arrays of results need room for so
// many more numbers.
constexpr std::size_t gather_slack = 16;
constexpr std::size_t drop_slack = 64;  // bytes

// Levels that vectors compare all items with.
constexpr std::size_t most_levels = 16;

// The smallest 16-bit code that is not 0 (the largest of all codes if there is none), and the
// largest.
struct CodeRange {
  std::uint16_t least;
  std::uint16_t largest;
};

// Codes of four bits, two in a byte, in blocks of `block_bytes` bytes, 8 or 16, each with a scale
// of one byte.
struct ScaledBlocks {
  const std::byte* codes;
  const std::byte* scales;
  std::size_t n;
  std::size_t block_bytes;
};
// How many bytes counting them needs to work in.
constexpr std::size_t scaled_space = std::size_t{1} << 16;
// Such codes by the scale of their block: of[scale][m] have the magnitude m, 1 to 7, and
// of[scale][0] are negative and not zero.
struct ScaledHalves {
  std::uint64_t of[256][8];
};

struct Kernels {
  const char* level;
  EntryKernels entries;
  BinKernels bins;
  ScaleKernels scales;
  TermKernels terms;

  // 16-bit items: ++counts[item & mask]. `counts` has item_codes cells, none of which may reach
  // 2^32. Whole pages are noted as well, as note_pages() does, unless `notes` is null.
  void (*count_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                      std::uint32_t* counts, PageNotes* notes);
  // Counts into sub_tables tables in turn. It is for items whose neighbours often share a code: in
  // one table, an increment would wait for the one before it.
  void (*count_crowded_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                              std::uint32_t* tables, PageNotes* notes);
  // The two loops above with ++counts[skewed_cell(item & mask)].
  void (*count_skewed_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                             std::uint32_t* counts, PageNotes* notes);
  void (*count_crowded_skewed_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                                     std::uint32_t* tables, PageNotes* notes);
  // The loops into one table for items that often have one of two common codes. These are counted
  // in spare cells first, which must be empty and are empty again afterwards. No other code may be
  // as large as spare_cell.
  void (*count_common_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                             CommonCodes common, std::uint32_t* counts, PageNotes* notes);
  void (*count_common_skewed_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                                    CommonCodes common, std::uint32_t* counts, PageNotes* notes);
  // Whether neighbours often share a code, judged by a sample.
  bool (*items_are_crowded)(const std::byte* items, std::size_t n, std::uint16_t mask);
  CodeSample (*sample_codes)(const std::byte* items, std::size_t n, std::uint16_t mask);
  // The most common codes of items that are crowded, judged by a sample.
  CommonCodes (*common_codes)(const CodeSample& sample);
  // The loops into one table for items that nearly all have one of a few codes.
  void (*count_few_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                          const FewCodes& few, std::uint32_t* counts, PageNotes* notes);
  void (*count_few_skewed_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                                 const FewCodes& few, std::uint32_t* counts, PageNotes* notes);
  // The codes of items that have few of them, judged by a sample.
  FewCodes (*few_codes)(const CodeSample& sample);
  // Copies those of n bytes that have a bit of the mask; returns how many they are. `to` must have
  // room for n bytes and drop_slack more. Whole pages are noted unless `notes` is null. Null where
  // no instructions make this worth while.
  std::size_t (*drop_zero_bytes)(const std::byte* bytes, std::size_t n, std::uint8_t mask,
                                 std::byte* to, PageNotes* notes);
  CodeRange (*range_of_items)(const std::byte* items, std::size_t n, std::uint16_t mask);

  // Counts 16-bit items of several slices that share `n` rows, at most most_row_parts of them; each
  // has `width` items in each row, no more than 2,048.
  void (*count_rows)(const std::byte* const* rows, std::size_t n, RowPart* parts,
                     std::size_t slices, std::size_t width, const RowItems& form,
                     UpcomingRows& upcoming);
  // Counts pairs of items: the first of each pair belongs to one slice, the second to another.
  void (*count_alternating)(const std::byte* items, std::size_t pairs, const RowItems& form,
                            RowPart& even, RowPart& odd);

  // Counts bytes in counts[byte_tables][256]; the sum over the sub-tables is the count of a code.
  void (*count_bytes)(const std::byte* items, std::size_t n, std::uint32_t* counts);
  std::uint64_t (*count_equal_bytes)(const std::byte* items, std::size_t n, std::uint8_t code);
  // Counts codes of four bits, two in each of n bytes, by their lower three bits: counts[8]. Whole
  // pages are noted unless `notes` is null; negative are codes with the upper bit but code 8.
  void (*count_halves)(const std::byte* bytes, std::size_t n, std::uint64_t* counts,
                       PageNotes* notes);
  // Adds the counts of blocks of codes. Whole pages are noted unless `notes` is null.
  void (*count_scaled_halves)(const ScaledBlocks& blocks, ScaledHalves& counts, std::byte* space,
                              PageNotes* notes);
  GroupKernels groups;

  // Adds pages of n bytes to the notes. A last page that is shorter is filled up with zeros; it is
  // never among the pages of zeros.
  void (*note_pages)(const std::byte* bytes, std::size_t n, PageNotes& notes);

  // Count F32 and F64 in bins; see bin_cells.hpp. Whole pages are noted unless `notes` is null.
  void (*count_f32_bins)(const std::byte* items, std::size_t n, BinCells& cells, PageNotes* notes);
  void (*count_f64_bins)(const std::byte* items, std::size_t n, BinCells& cells, PageNotes* notes);

  // Adds values of F32 to bins, each as often as its count says: fewer than 2^24 times, or never.
  // Returns how many are finite and negative.
  std::uint64_t (*count_repeated_f32)(const float* values, const std::uint32_t* counts,
                                      std::size_t n, BinCells& cells);

  // Of the magnitude keys of F32 or F64 items, writes those from `first` to `first` + `width` to
  // `to`. Returns how many they are. `to` must have room for n keys and gather_slack more.
  std::size_t (*gather_f32)(const std::byte* items, std::size_t n, std::uint32_t first,
                            std::uint32_t width, std::uint32_t* to);
  std::size_t (*gather_f64)(const std::byte* items, std::size_t n, std::uint64_t first,
                            std::uint64_t width, std::uint64_t* to);

  // Whether any magnitude of F32 items is neither zero nor one of `size` keys, at most most_levels.
  // There must be room for most_levels; those that follow are 0. Also true where no instructions
  // make so many comparisons worth while.
  bool (*off_levels_f32)(const std::byte* items, std::size_t n, const std::uint32_t* levels,
                         std::size_t size);

  // Copies `n` items that are `stride` bytes apart so that they lie side by side.
  void (*pack)(const std::byte* from, std::uint64_t stride, std::size_t n, std::size_t item,
               std::byte* to);
};

}  // namespace weightgauge
