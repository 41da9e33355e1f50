// How a slice's values are set out in rows and columns.
#pragma once

#include <cstdint>

namespace weightgauge {

// Values come row after row in the order of the slice's view. Rows that follow each other may form
// clusters of one size, which share more than other rows do: the heads of q, k and v, the experts
// of a stack. So may columns: the heads of o, the places of a kernel that read one channel.
struct MatrixLayout {
  std::uint64_t rows = 0;  // 0 where nothing is known of rows
  std::uint64_t columns = 0;
  std::uint64_t rows_in_cluster = 1;
  std::uint64_t columns_in_cluster = 1;
  bool rows_are_tokens = false;  // and some may never have been used
};

}  // namespace weightgauge
