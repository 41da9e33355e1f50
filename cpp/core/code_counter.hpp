// Counts of formats of 16 bits and fewer, whose magnitudes can be counted one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

class CodeCounter {
 public:
  void count(DType dtype, const std::byte* items, std::size_t n);
  // Adds short_codes counts of 16-bit items, by magnitude, and empties them.
  void take(std::uint16_t* counts);
  static constexpr std::size_t short_codes = item_codes / 2;
  // Everything counted since the last harvest; the counter is empty afterwards.
  Histogram harvest(DType dtype);
  // Takes a harvest back that is not needed any more: the next one has its memory.
  void recycle(Histogram&& histogram);

 private:
  using Loop = decltype(Kernels::count_items);
  // With the second of the loops where neighbours often share a code.
  void count_items(const std::byte* items, std::size_t n, std::uint16_t mask, Loop plain,
                   Loop crowded);
  void join_tables(std::size_t first, std::size_t last);
  void add_pairs(DType dtype, std::uint64_t* by_raw);
  void note_range(const std::byte* items, std::size_t n, std::uint16_t mask);
  Histogram harvest_16_bit(DType dtype);
  Histogram harvest_bytes(DType dtype);

  std::vector<std::uint32_t> items_;    // by 16-bit item: an element, or a pair of bytes
  std::vector<std::uint32_t> crowded_;  // the same in sub-tables
  std::vector<std::uint32_t> bytes_;    // single bytes in sub-tables
  // Codes counted since the last harvest lie in this range, or are 0.
  std::size_t least_ = item_codes - 1;
  std::size_t largest_ = 0;
  std::uint64_t bytes_counted_ = 0;   // by count(), since the last harvest
  std::uint64_t negative_zeros_ = 0;  // FNUZ formats, pairs only: those codes are NaN
  std::vector<std::uint64_t> spare_keys_;
  std::vector<std::uint64_t> spare_counts_;
  bool crowded_used_ = false;
  bool pairs_used_ = false;
};

}  // namespace weightgauge
