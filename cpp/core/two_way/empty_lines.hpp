// Rows and columns of a matrix that have no element but zeros.
#pragma once

#include <cstdint>

#include "core/base/parallel.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/matrix_layout.hpp"

namespace weightgauge {

struct EmptyLines {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
};

// Exact. Of each block of columns it reads as many rows as it takes until all of them have a
// weight, then of every other row no more than until its first weight: of a dense matrix a little.
EmptyLines empty_lines(const ByteSource& source, const View& view, const MatrixLayout& layout,
                       ReadBuffer& buffer, const Control& control);

}  // namespace weightgauge
