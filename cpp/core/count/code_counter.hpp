// Counts of formats of 16 bits and fewer, whose magnitudes can be counted one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/zeroed_cells.hpp"
#include "core/count/code_loops.hpp"
#include "core/histogram/histogram.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

// A worker's memory for harvests, kept from one to the next.
struct HarvestSpace {
  // What a harvest has found, before it is known how much that is.
  std::vector<std::uint32_t> codes;
  std::vector<std::uint32_t> counts;
  // Of a histogram that nobody needs any more: the next one's memory.
  std::vector<std::uint64_t> spare_keys;
  std::vector<std::uint64_t> spare_counts;

  void recycle(Histogram&& histogram) {
    spare_keys = std::move(histogram.keys);
    spare_counts = std::move(histogram.counts);
  }
};

class CodeCounter {
 public:
  // Whole pages are noted as well unless `notes` is null: see Kernels::count_items.
  void count(DType dtype, const std::byte* items, std::size_t n, PageNotes* notes);
  // The table of 16-bit items by magnitude. The caller counts `n` items there in place of count();
  // `item` is one of them.
  std::uint32_t* open_table(const std::byte* item, std::size_t n);
  // Everything counted since the last harvest; the counter is empty afterwards.
  Histogram harvest(DType dtype, HarvestSpace& space);
  // Between harvests: gives up the memory that only crowded data need.
  void release() { crowded_ = {}; }

 private:
  void count_items(const std::byte* items, std::size_t n, std::uint16_t mask,
                   const CodeLoops& loops, PageNotes* notes);
  void count_by(const LoopChoice& choice, const std::byte* items, std::size_t n, std::uint16_t mask,
                const CodeLoops& loops, PageNotes* notes);
  void count_without_zeros(const std::byte* pairs, std::size_t n, std::uint16_t mask,
                           const CodeLoops& loops, PageNotes* notes);
  void count_pairs(DType dtype, const std::byte* items, std::size_t pairs, PageNotes* notes);
  void join_tables();
  void add_pairs(DType dtype, std::uint64_t* by_raw);
  void note_items(const std::byte* item, std::size_t n);
  void note_crowded_range(const std::byte* items, std::size_t n, std::uint16_t mask);
  Histogram harvest_16_bit(DType dtype, HarvestSpace& space);
  Histogram harvest_halves();
  Histogram harvest_bytes(DType dtype);

  ZeroedCells<std::uint32_t> items_;    // by 16-bit item: an element, or a pair of bytes
  ZeroedCells<std::uint32_t> crowded_;  // the same in sub-tables
  std::vector<std::uint32_t> bytes_;    // single bytes in sub-tables
  std::vector<std::byte> others_;       // of a stretch of bytes, without its zeros
  std::uint64_t halves_[8] = {};        // of F4, by magnitude
  // Since the last harvest:
  std::uint64_t elements_ = 0;  // of 16 bits
  std::uint16_t one_of_them_ = 0;
  CodeRange crowded_range_ = none_crowded;  // holds all codes in the sub-tables, but for 0
  std::uint64_t bytes_counted_ = 0;         // by count()
  std::uint64_t negative_zeros_ = 0;        // FNUZ formats, pairs only: those codes are NaN
  bool crowded_used_ = false;
  bool pairs_used_ = false;

  static constexpr CodeRange none_crowded = {0xFFFF, 0};
};

}  // namespace weightgauge
