// The loops that find the scales of rows and columns and divide by them, one set of them for each
// instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// The squares of a row's elements, each no more than the square of `clip`, and how many elements
// are not zero.
struct RowSquares {
  double sum;
  std::uint64_t nonzero;
};

struct ScaleKernels {
  // Turns each of n values into its magnitude times the factor of its column, 0 for what is not
  // finite, and sums the squares of that times `by_row`.
  RowSquares (*clip_row)(double* values, std::size_t n, const double* by_column, double by_row,
                         double clip);
  // Adds the squares of magnitudes times `by_row`, each no more than the square of `clip`, to the
  // sums of their columns.
  void (*add_clipped)(const double* magnitudes, std::size_t n, double by_row, double clip,
                      double* sums);
  // Adds 1 to the counts of columns whose magnitude is not zero.
  void (*count_nonzero)(const double* magnitudes, std::size_t n, double* counts);
  // Multiplies n values by the factors of their row and column. A finite product that float32
  // lacks becomes its largest number, because an infinite one would be left out of a fit.
  void (*scale_row)(const double* values, std::size_t n, double by_row, const double* by_column,
                    float* to);
};

}  // namespace weightgauge
