// Integers that are subtracted from codes, one for each group of a matrix.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/io/byte_source.hpp"

namespace weightgauge {

// They are a matrix of as many columns as a row of codes has groups, packed down its columns: the
// words of a column have its zero points from the lowest bits up, and one may lie in two words.
struct ZeroPoints {
  const ByteSource* source = nullptr;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::uint64_t columns = 1;
  unsigned bits = 8;
  unsigned word_bytes = 1;
  bool has_sign = false;  // integers of two's complement, of eight bits

  // Throws std::invalid_argument if they are not as many as there are groups, or lie beyond the end
  // of a file.
  void check(std::uint64_t groups) const;
  // Reads those of `n` groups from group `first` on.
  void read(std::uint64_t first, std::uint64_t n, float* to) const;

 private:
  void read_of_row(std::uint64_t row, std::uint64_t column, std::size_t n, float* to) const;
};

}  // namespace weightgauge
