// How large the rows of a matrix are.
#pragma once

#include <cstdint>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/matrix_layout.hpp"

namespace weightgauge {

// Writes the root mean square of the first `width` elements of each of the rows first..last-1 to
// `to`. What is not finite does not count; NaN where nothing does. `width` is at most the number of
// columns, and a multiple of column_unit().
void row_sizes(const ByteSource& source, const View& view, const MatrixLayout& layout,
               std::uint64_t width, std::uint64_t first, std::uint64_t last, ReadBuffer& buffer,
               double* to);

}  // namespace weightgauge
