// The loops that add up by rows and columns what the elements of a matrix stand for, one set of
// them for each instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Four numbers of an element: they fill one register, and are added by one instruction.
using Terms = float __attribute__((vector_size(16)));

// The terms of 16-bit items by magnitude, from that of `first` on. `others` is the cell of all
// magnitudes that have none of their own: it is the last.
struct TermCells {
  const Terms* cells;
  std::uint16_t first;
  std::uint16_t others;
};

// The same of 32-bit items: all magnitudes that agree but in their `shift` lowest bits share a
// cell. That of `first` is also that of all magnitudes below it but zero, and the last before
// `others` is that of all finite ones above it. Places of cells fit into 15 bits.
struct WideTermCells {
  const Terms* cells;
  std::uint32_t first;
  std::uint16_t others;
  int shift;
};

// The terms of all 256 items of eight bits.
struct ByteTermCells {
  const Terms* cells;
};

// Of the elements of a row: the sum of their terms, and of the squares of these.
struct RowTerms {
  Terms sum;
  Terms square;
};

// Rows that are added together.
constexpr std::size_t term_rows = 16;

struct TermKernels {
  // Adds the terms of `n` rows of `width` items, up to term_rows of them, to the sums of their
  // columns, row by row, and writes the sums of each row. These are made in four lanes, of every
  // fourth item each, so that their bits do not depend on the width of vectors.
  void (*add_rows)(const std::byte* const* rows, std::size_t n, std::size_t width,
                   const TermCells& table, Terms* columns, RowTerms* sums);
  void (*add_wide_rows)(const std::byte* const* rows, std::size_t n, std::size_t width,
                        const WideTermCells& table, Terms* columns, RowTerms* sums);
  void (*add_byte_rows)(const std::byte* const* rows, std::size_t n, std::size_t width,
                        const ByteTermCells& table, Terms* columns, RowTerms* sums);
};

}  // namespace weightgauge
