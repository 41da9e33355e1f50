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

// Exact. Of each row it reads what lies between the first and the last columns in which there was
// no weight so far, then no further than to the row's first weight: of a dense matrix a little.
EmptyLines empty_lines(const ValueReader& values, std::uint64_t columns, ReadBuffer& buffer,
                       const Control& control);

}  // namespace weightgauge
