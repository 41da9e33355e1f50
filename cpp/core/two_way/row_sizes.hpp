// How large the rows of a matrix are.
#pragma once

#include <cstdint>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/matrix_layout.hpp"

namespace weightgauge {

// Elements of a row that tell its root mean square: to 4.4 %.
constexpr std::uint64_t row_size_width = 256;

// The size of some weights. What is not finite does not count; NaN where nothing does.
using SizeOf = double (*)(const std::vector<double>& weights);

// row_sizes() makes it of BF16 and F32 rows to the precision of float32, which takes less time.
double root_mean_square(const std::vector<double>& weights);

// Of weights other than zero, as RoughLogs has it. A single huge one adds little to it.
double geometric_mean(const std::vector<double>& weights);

// Writes the size of the first `width` elements of each of the rows first..last-1 to `to`. `width`
// is at most the number of columns, and a multiple of column_unit().
void row_sizes(const ByteSource& source, const View& view, const MatrixLayout& layout,
               SizeOf size_of, std::uint64_t width, std::uint64_t first, std::uint64_t last,
               ReadBuffer& buffer, double* to);

}  // namespace weightgauge
