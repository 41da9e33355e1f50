// Which elements of a matrix are looked at for its errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/two_way/matrix_layout.hpp"

namespace weightgauge {

// A stretch of columns.
struct Block {
  std::uint64_t first;
  std::uint64_t width;
};

// Some rows, and some blocks of columns of each of them: a smaller matrix with the same structure.
// Places are spread evenly, each at another offset within its share of the matrix, so that they do
// not follow a period of the rows or columns. The sample depends on nothing but the layout, and on
// what can only be read together.
struct Sample {
  MatrixLayout layout;
  std::vector<std::uint64_t> rows;  // ascending
  std::vector<Block> blocks;        // ascending
  std::uint64_t columns = 0;        // of all blocks
  // Of both: clusters in the sample, 1 where there are none.
  std::size_t row_clusters = 1;
  std::size_t column_clusters = 1;

  std::size_t rows_in_cluster() const { return rows.size() / row_clusters; }
  std::size_t blocks_in_cluster() const { return blocks.size() / column_clusters; }
};

// All of a small matrix, and at most 2^17 elements of a large one. `everything` takes all.
// Blocks begin and end at multiples of `unit` columns, which must divide all columns. Clusters that
// do not divide their matrix, or are only one, are passed over. Of rows that lie side by side so
// many that follow each other are taken together, or as many as are wanted of a cluster.
Sample sample_of(MatrixLayout layout, std::uint64_t unit, bool everything,
                 std::uint64_t rows_side_by_side = 1);

}  // namespace weightgauge
