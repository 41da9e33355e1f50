// Sums of the terms of a matrix's elements, by rows and by columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/magnitude_table.hpp"
#include "core/two_way/sample.hpp"

namespace weightgauge {

// Of some rows of a sample that follow each other. Sums do not depend on who makes them.
struct TwoWaySums {
  // For each row one for each cluster of columns (of one, if there are none).
  std::vector<Terms> rows;
  // For each cluster of rows that has begun one for each column in the sample.
  std::vector<Terms> columns;
  // Of the squares of the first three terms.
  double squares[3] = {};
};

// Of rows first..last-1 of the sample.
TwoWaySums two_way_sums(const ByteSource& source, const View& view, const Sample& sample,
                        std::size_t first, std::size_t last, const MagnitudeTable& table,
                        ReadBuffer& buffer);

// How many columns can only be read together.
std::uint64_t column_unit(const View& view);
// How many rows are best read together.
std::uint64_t rows_side_by_side(const View& view);

}  // namespace weightgauge
