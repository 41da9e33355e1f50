// Scales of the rows and columns of a matrix, over which single elements have no power.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/decode/value_reader.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

// The form of a matrix whose values are read one after the other.
struct MatrixForm {
  std::uint64_t columns = 1;  // the number of values must be a multiple of this
  int exponent = 0;           // of the largest magnitude; 0 is good enough for all but F64
};

// Factors for the rows and columns of a matrix: the inverses of their scales. The factor of a row
// or column without any element that counts is 0.
struct BalanceFactors {
  int exponent = 0;  // values are multiplied by 2^-exponent first, so that none leaves the range
  std::vector<double> rows;
  std::vector<double> columns;
};

// Multiplies n values by 2^-exponent.
void scale_down(double* values, std::uint64_t n, int exponent);

// A root mean square follows its largest element: one of 60 standard deviations in a row of 256
// takes the row's scale from 1 to 3.9, and all others of the row become small. Here a magnitude
// counts as at most `clip` times the scale known so far, which for Gaussian elements is as good as
// the root mean square. Zeros and what is not finite do not count, as in the fit.
//
// The scales start as medians of a few elements. Then there are two sweeps, each of which makes
// the scales of rows and, with these, the scales of columns. How to call: start(), then two times
// sweep_strip() for each strip, by any threads; the second sweep begins when the first one has
// ended. Strips do not depend on the number of threads and are added in order, so the scales do
// not either.
class WinsorisedScales {
 public:
  static constexpr double clip = 3.7;  // beyond it lies one of 4,600 Gaussian elements
  static constexpr int sweeps = 2;

  // Throws std::invalid_argument if the columns do not divide the values.
  WinsorisedScales(const ValueReader& matrix, const MatrixForm& form);

  std::uint64_t strips() const { return count_; }
  void start(ReadBuffer& buffer, Control& control);
  void sweep_strip(std::uint64_t strip, ReadBuffer& buffer, Control& control);
  // Hands over what was found, at the end.
  BalanceFactors take() { return std::move(factors_); }

 private:
  // What the rows of a strip say of the columns.
  struct Strip {
    std::vector<double> squares;
    std::uint64_t full_rows = 0;  // rows of which all elements count
    std::vector<double> counts;   // elements that count in all other rows; empty if there are none
  };

  void read(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer, double* to) const;
  void sweep_row(std::uint64_t row, double* values, Strip& strip);
  void start_columns(const std::vector<std::uint64_t>& rows, const std::vector<double>& by,
                     ReadBuffer& buffer, Control& control);
  void end_sweep();

  const ValueReader& matrix_;
  std::uint64_t columns_;
  std::uint64_t step_;  // between the columns looked at for the start of a row
  std::uint64_t rows_ = 0;
  std::uint64_t count_ = 1;
  int sweep_ = 0;
  BalanceFactors factors_;
  std::vector<Strip> strips_;
  std::atomic<std::uint64_t> unfinished_{0};
};

}  // namespace weightgauge
