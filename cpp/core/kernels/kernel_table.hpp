// The loops that touch every weight, once for each instruction set. Input need not be aligned.
//
// This header and those it includes are seen by every instruction set's file. They hold no
// function: the linker keeps one copy of an inline function for the whole program, and it could be
// the copy for a processor that this one is not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/bin_cells.hpp"
#include "core/kernels/bin_kernels.hpp"
#include "core/kernels/entry_kernels.hpp"

namespace weightgauge {

// Sub-tables of the counters for crowded data, and the cells from one sub-table to the next: the
// same code falls into another set of the first-level cache in each of them, and so do its double
// and its half, 128 codes of BF16 away. Processors take an address for another that shares its low
// twelve bits, and would make a load wait for the store before it.
constexpr std::size_t sub_tables = 8;
constexpr std::size_t item_codes = std::size_t{1} << 16;
constexpr std::size_t sub_table_stride = item_codes + 144;

// Rows of so many bytes that will be counted later. Loops over other rows ask for them line by
// line, in their order: up to now, for the first row's up to `line`.
struct UpcomingRows {
  const std::byte* const* rows = nullptr;
  std::size_t n = 0;
  std::size_t bytes = 0;
  const std::byte* line = nullptr;
};

// What a row holds of one slice: where that begins in the row, in bytes, and the slice's counts.
struct RowPart {
  std::ptrdiff_t offset;
  std::uint32_t* counts;
};

// A vector of keys is stored whole, whatever part of it was wanted.
constexpr std::size_t gather_slack = 16;

// Of 16-bit codes: the smallest that is not 0 (the largest code of all where there is none), and
// the largest.
struct CodeRange {
  std::uint16_t least;
  std::uint16_t largest;
};

struct Kernels {
  const char* level;
  EntryKernels entries;
  BinKernels bins;

  // 16-bit items: ++counts[item & mask]. One table, one store an item. `counts` has item_codes
  // cells, none of which may reach 2^32.
  void (*count_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                      std::uint32_t* counts);
  // The same into sub_tables tables in turn. Where neighbours often share a code, an increment
  // would wait for the one before it.
  void (*count_crowded_items)(const std::byte* items, std::size_t n, std::uint16_t mask,
                              std::uint32_t* tables);
  // Both with ++counts[turned_cell(item & mask)].
  void (*count_turned_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                             std::uint32_t* counts);
  void (*count_crowded_turned_pairs)(const std::byte* items, std::size_t n, std::uint16_t mask,
                                     std::uint32_t* tables);
  // Whether neighbours often share a code, by a sample.
  bool (*items_are_crowded)(const std::byte* items, std::size_t n, std::uint16_t mask);
  CodeRange (*range_of_items)(const std::byte* items, std::size_t n, std::uint16_t mask);

  // The same for slices that share rows: `width` items of each of them in each of `n` rows.
  void (*count_rows)(const std::byte* const* rows, std::size_t n, const RowPart* parts,
                     std::size_t slices, std::size_t width, std::uint16_t mask,
                     UpcomingRows& upcoming);
  // Pairs of items that belong to two slices in turn.
  void (*count_alternating)(const std::byte* items, std::size_t pairs, std::uint16_t mask,
                            std::uint32_t* even, std::uint32_t* odd);

  // Bytes: counts[sub_tables][256] by raw code; the sum over the sub-tables is the count.
  void (*count_bytes)(const std::byte* items, std::size_t n, std::uint32_t* counts);
  std::uint64_t (*count_equal_bytes)(const std::byte* items, std::size_t n, std::uint8_t code);

  // F32 and F64 in bins: see bin_cells.hpp.
  void (*count_f32_bins)(const std::byte* items, std::size_t n, BinCells& cells);
  void (*count_f64_bins)(const std::byte* items, std::size_t n, BinCells& cells);

  // Writes the magnitude keys from `first` to `first` + `width` of F32 or F64 items to `to` and
  // returns how many they are. `to` has room for n keys and gather_slack more.
  std::size_t (*gather_f32)(const std::byte* items, std::size_t n, std::uint32_t first,
                            std::uint32_t width, std::uint32_t* to);
  std::size_t (*gather_f64)(const std::byte* items, std::size_t n, std::uint64_t first,
                            std::uint64_t width, std::uint64_t* to);

  // Items `stride` bytes apart, side by side.
  void (*pack)(const std::byte* from, std::uint64_t stride, std::size_t n, std::size_t item,
               std::byte* to);
};

}  // namespace weightgauge
