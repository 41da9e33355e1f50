// Counts of formats of 16 bits and fewer, whose magnitudes can be counted one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram.hpp"

namespace weightgauge {

class CodeCounter {
 public:
  void count(DType dtype, const std::byte* items, std::size_t n);
  // Everything counted since the last harvest; the counter is empty afterwards.
  Histogram harvest(DType dtype);

 private:
  void count_items(const std::byte* items, std::size_t n, std::uint16_t mask);
  void join_tables();
  void add_pairs(DType dtype, std::uint64_t* by_raw);
  Histogram harvest_16_bit(DType dtype);
  Histogram harvest_bytes(DType dtype);

  std::vector<std::uint32_t> items_;    // by 16-bit item: an element, or a pair of bytes
  std::vector<std::uint32_t> crowded_;  // the same in sub-tables
  std::vector<std::uint32_t> bytes_;    // single bytes in sub-tables
  std::uint64_t negative_zeros_ = 0;    // FNUZ formats, pairs only: those codes are NaN
  bool crowded_used_ = false;
  bool pairs_used_ = false;
};

}  // namespace weightgauge
