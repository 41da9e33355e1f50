// Rows and columns of a matrix that have no element but zeros.
#pragma once

#include <cstdint>

#include "core/base/parallel.hpp"
#include "core/decode/value_reader.hpp"

namespace weightgauge {

struct EmptyLines {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
};

// Exact. It reads no further into a row than to its first weight, and to the columns in which there
// was none so far: of a dense matrix a little of each row.
EmptyLines empty_lines(const ValueReader& values, std::uint64_t columns, ReadBuffer& buffer,
                       const Control& control);

}  // namespace weightgauge
