#include "core/two_way/empty_lines.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace weightgauge {

namespace {

constexpr std::uint64_t block_columns = 64;
// Of a row whose columns all have weights elsewhere, so many are looked at first: most rows have a
// weight among them.
constexpr std::uint64_t first_columns = 16;

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
  std::vector<double> weights(columns);
  // Reads columns first..end-1 of a row; returns whether there is a weight.
  const auto look = [&](std::uint64_t row, std::uint64_t first, std::uint64_t end) {
    values.read(row * columns + first, end - first, buffer, weights.data());
    bool weight = false;
    for (std::uint64_t j = first; j < end; ++j) {
      if (weights[j - first] != 0) {
        weight = true;
        if (empty[j]) {
          empty[j] = false;
          --empty_in[j / block_columns];
          --found.columns;
        }
      }
    }
    return weight;
  };
  const auto is_open = [](std::uint64_t left) { return left > 0; };
  for (std::uint64_t row = 0; row < rows; ++row) {
    control.check();
    bool weight = false;
    if (found.columns > 0) {
      const auto begin = std::find_if(empty_in.begin(), empty_in.end(), is_open);
      const auto open = std::find_if(empty_in.rbegin(), empty_in.rend(), is_open).base();
      const auto first = static_cast<std::uint64_t>(begin - empty_in.begin()) * block_columns;
      const auto end = static_cast<std::uint64_t>(open - empty_in.begin()) * block_columns;
      weight = look(row, first, std::min(end, columns));
    } else {
      weight = look(row, 0, std::min(first_columns, columns));
    }
    for (std::uint64_t at = 0; !weight && at < columns; at += block_columns) {
      weight = look(row, at, std::min(at + block_columns, columns));
    }
    found.rows += weight ? 0 : 1;
  }
  return found;
}

}  // namespace weightgauge
