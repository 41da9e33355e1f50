// What sums by rows and columns tell of a matrix: errors of its fit, and where its spread comes
// from.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/two_way/empty_lines.hpp"
#include "core/two_way/sample.hpp"
#include "core/two_way/sums.hpp"

namespace weightgauge {

// With fewer rows, or columns, how they differ among themselves cannot be known.
constexpr std::uint64_t fewest_lines = 8;

// What the standard errors of a matrix rest on.
enum class ErrorsBasis : std::uint8_t {
  counts,        // on independent elements: nothing else was asked for, or there is no fit
  no_rows,       // on these: nothing is known of rows
  few_lines,     // on these: there is one row or column, or there are fewer than eight of both
  empty_sample,  // on these: the sample has no two rows or columns with elements
  sample,        // on some rows and columns
  matrix,        // on all rows and columns
};

// NaN where it is not known.
struct MatrixNumbers {
  ErrorsBasis basis = ErrorsBasis::counts;
  // Standard errors of k and ln lambda where rows, columns and clusters have scales of their own.
  double k_se = std::numeric_limits<double>::quiet_NaN();
  double ln_lambda_se = std::numeric_limits<double>::quiet_NaN();
  // How far the mean of ln |w| varies more from row to row, or from column to column, than it would
  // among independent elements: the larger of both, in standard deviations.
  double fresh_z = std::numeric_limits<double>::quiet_NaN();
  // Parts of the variance of ln |w|: of rows, of columns, and what is left.
  double rows = std::numeric_limits<double>::quiet_NaN();
  double columns = std::numeric_limits<double>::quiet_NaN();
  double core = std::numeric_limits<double>::quiet_NaN();
  // Rows and columns of zeros alone, in the whole matrix.
  EmptyLines empty;
  // See row_levels.hpp; 0 where the values of rows lie on no grid, or it was not asked.
  std::uint64_t row_levels = 0;
};

// Standard errors of the means of the first two terms over a matrix, from the sums over its sample.
// The terms are those of k and ln lambda, or of how far these changed to a shape of `k`.
Influences::Pair two_way_errors(const Sample& sample, const std::vector<TwoWaySums>& parts,
                                double k);

// `parts` are the sums of the sample's rows in their order, each of whole clusters. `n` is the
// number of fitted elements of the whole matrix, `k` their shape, and `least` has the standard
// errors for independent elements: those of a matrix do not fall below.
MatrixNumbers matrix_numbers(const Sample& sample, const std::vector<TwoWaySums>& parts,
                             std::uint64_t n, double k, Influences::Pair least);

}  // namespace weightgauge
