#include "core/two_way/large_lines.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/decode/float_reader.hpp"
#include "core/histogram/summary.hpp"
#include "core/two_way/block_reader.hpp"
#include "core/two_way/rough_logs.hpp"

namespace weightgauge {

std::uint64_t weights_of_line(double share) {
  constexpr double enough = 64;
  constexpr double most = 4096;
  return static_cast<std::uint64_t>(std::ceil(std::min(enough / share, most)));
}

bool may_have_large_lines(const Histogram& histogram, double lambda, const MatrixLayout& layout) {
  const std::uint64_t line = std::min(layout.rows, layout.columns);
  return 4 * count_above(histogram, large_line_from * lambda) >= line;
}

std::vector<std::uint64_t> large_lines(const std::vector<double>& sizes) {
  std::vector<double> known;
  for (const double size : sizes) {
    if (size > 0) {  // false for NaN
      known.push_back(size);
    }
  }
  std::vector<std::uint64_t> found;
  if (known.empty()) {
    return found;
  }
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::nth_element(known.begin(), middle, known.end());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] > large_line_from * *middle) {
      found.push_back(i);
    }
  }
  return found;
}

std::vector<double> column_sizes(const ByteSource& source, const View& view,
                                 const MatrixLayout& layout,
                                 const std::vector<std::uint64_t>& except, std::uint64_t wanted,
                                 ReadBuffer& buffer) {
  const BlockReader reader(source, view, layout);
  const Block all = {0, layout.columns};
  std::vector<std::byte> packed(reader.bytes_of(all));
  std::vector<double> row(layout.columns);
  std::vector<RoughLogs> logs(layout.columns);
  const std::uint64_t step = std::max<std::uint64_t>(layout.rows / wanted, 1);
  for (std::uint64_t i = 0; i < layout.rows; i += step) {
    if (std::binary_search(except.begin(), except.end(), i)) {
      continue;
    }
    reader.copy(i, all, buffer, packed.data());
    convert_values(view.dtype, packed.data(), reader.items_of(all), row.data());
    for (std::size_t j = 0; j < row.size(); ++j) {
      logs[j].add(row[j]);
    }
  }
  std::vector<double> sizes;
  for (const RoughLogs& each : logs) {
    sizes.push_back(each.geometric_mean());
  }
  return sizes;
}

}  // namespace weightgauge
