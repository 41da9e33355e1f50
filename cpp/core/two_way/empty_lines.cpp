#include "core/two_way/empty_lines.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace weightgauge {

namespace {

constexpr std::uint64_t block_columns = 64;

}  // namespace

EmptyLines empty_lines(const ValueReader& values, std::uint64_t columns, ReadBuffer& buffer,
                       const Control& control) {
  const std::uint64_t rows = values.values() / columns;
  const std::uint64_t blocks = (columns + block_columns - 1) / block_columns;
  std::vector<bool> empty(columns, true);
  std::vector<std::uint64_t> empty_in(blocks);
  for (std::uint64_t block = 0; block < blocks; ++block) {
    empty_in[block] = std::min(block_columns, columns - block * block_columns);
  }
  EmptyLines found;
  found.columns = columns;
  double weights[block_columns];
  for (std::uint64_t row = 0; row < rows; ++row) {
    control.check();
    bool empty_row = true;
    for (std::uint64_t block = 0; block < blocks; ++block) {
      if (!empty_row && empty_in[block] == 0) {
        continue;
      }
      const std::uint64_t first = block * block_columns;
      const std::uint64_t width = std::min(block_columns, columns - first);
      values.read(row * columns + first, width, buffer, weights);
      for (std::uint64_t j = 0; j < width; ++j) {
        if (weights[j] != 0) {
          empty_row = false;
          if (empty[first + j]) {
            empty[first + j] = false;
            --empty_in[block];
            --found.columns;
          }
        }
      }
    }
    found.rows += empty_row ? 1 : 0;
  }
  return found;
}

}  // namespace weightgauge
