// What an element of each magnitude adds to the sums by rows and columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/fit/influence.hpp"
#include "core/histogram/histogram.hpp"
#include "core/kernels/term_kernels.hpp"

namespace weightgauge {

// The terms of all magnitudes of a slice by their keys: influence on k, influence on ln lambda,
// ln(|w|/unit), and 1; all four 0 for what is not fitted: zeros, and what is not finite. F32 and
// F64 have too many keys: those that agree in their leading bits share one cell, which is narrow
// beside the spread of the magnitudes inside the window.
class MagnitudeTable {
 public:
  // From the counts of a slice, the plot of its fit and its influences. Where zeros are `censored`
  // they have ranks, and so an influence, and all that is no magnitude is taken for one of them: a
  // matrix without NaN has nothing else. `memory` may be that of a table which nobody needs any
  // more: cells of magnitudes that do not occur stay as they are there, because nobody looks.
  MagnitudeTable(const Histogram& histogram, const Plot& plot, const Influences& influences,
                 bool censored, std::vector<Terms> memory = {});

  DType dtype() const { return dtype_; }
  // Bits of a key that its cell leaves out.
  int shift() const { return shift_; }
  // The cell of the lowest keys, as keys without these bits.
  std::uint64_t first() const { return first_; }
  // Cells of magnitudes. One cell of zeros follows them.
  std::size_t size() const { return size_; }
  const Terms* cells() const { return cells_.data(); }
  // Once the table is not needed any more: its memory, for the next one.
  std::vector<Terms> take_memory() { return std::move(cells_); }
  // Of formats of eight bits and fewer: the terms of each code.
  std::vector<Terms> of_codes() const;

  // A cell with elements: its number, and what the entry in its middle is.
  struct Occupied {
    std::uint64_t cell;
    std::size_t point;
    double magnitude;
  };

 private:
  void make_cells(std::uint64_t last);
  void fill_exactly(const Histogram& histogram, const Plot& plot, const Influences& influences);
  std::uint64_t keep_near_window(std::vector<Occupied>& occupied, std::size_t points);
  void fill_by_cells(std::vector<Occupied> occupied, const Influences& influences);

  DType dtype_;
  int shift_ = 0;
  std::uint64_t first_ = 0;
  std::size_t size_ = 0;
  std::vector<Terms> cells_;  // may have more
};

}  // namespace weightgauge
