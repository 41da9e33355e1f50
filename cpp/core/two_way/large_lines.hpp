// Rows and columns of a matrix that are far larger than its others.
#pragma once

#include <cstdint>
#include <vector>

#include "core/histogram/histogram.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/matrix_layout.hpp"

namespace weightgauge {

// A row or column is told of from so many times the median of all on. Those of sound matrices
// differ by less.
constexpr double large_line_from = 16;

// Numbers of such rows and columns.
struct LargeLines {
  std::int64_t rows = -1;  // -1 where they were not looked for
  std::int64_t columns = -1;
};

// Weights of a line that tell how large it is, if such a share of all are other than zero: about 64
// of those, by which the geometric mean of Gaussian weights is known to 14 %.
std::uint64_t weights_of_line(double share);

// So many tell at first sight which lines may be large.
constexpr std::uint64_t at_first_sight(std::uint64_t weights) { return weights / 4; }

// Whether there are enough large weights for such a row or column: of Gaussian ones of 16 times
// the usual scale, three in eight lie above 16 lambda.
bool may_have_large_lines(const Histogram& histogram, double lambda, const MatrixLayout& layout);

// Places of the lines, ascending, whose size is so many times the median of all; those that have
// none, which is NaN, are left out.
std::vector<std::uint64_t> large_lines(const std::vector<double>& sizes);

// Places of the lines, ascending, which may be large by their sizes at first sight: few, or none.
// Those that have no size are among them.
std::vector<std::uint64_t> lines_to_look_at_again(const std::vector<double>& sizes);

// Geometric mean of the weights of each column other than zero, over about `wanted` rows that are
// spread evenly and are none of `except`, which ascends. One huge weight does not make a column
// large.
std::vector<double> column_sizes(const ByteSource& source, const View& view,
                                 const MatrixLayout& layout,
                                 const std::vector<std::uint64_t>& except, std::uint64_t wanted,
                                 ReadBuffer& buffer);

}  // namespace weightgauge
