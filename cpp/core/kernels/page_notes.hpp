// What is noted of bytes beside the counts: a sum that tells them from others, pages of zeros, and
// how many of the elements are negative.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Bytes are taken in pages of this size, counted from the tensor's first byte.
constexpr std::size_t page_bytes = 2048;

// Which items are negative. In every format the codes of negative finite numbers but zero follow
// each other: they begin behind the code of which only the sign bit is set, and end before
// `first_other`, the first code of a negative item that is infinite or NaN.
struct NegativeCodes {
  int bits = 8;  // of an item: 4 (two in a byte), 8, 16, 32 or 64
  // 2^bits where there is none (of two items in a byte 2^8). The default is that of a format
  // without negative numbers.
  std::uint64_t first_other = 0x81;
  bool lower_half = false;  // with 4 bits: whether only the lower half of each byte is an item
};

struct PageNotes {
  NegativeCodes codes;
  std::uint64_t page = 0;  // number of the page with which the next bytes begin
  std::uint64_t sum = 0;   // of the words of the pages, modulo 2^64
  std::uint64_t zero_pages = 0;
  std::uint64_t negatives = 0;
};

}  // namespace weightgauge
