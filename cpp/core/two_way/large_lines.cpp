#include "core/two_way/large_lines.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

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

namespace {

// Of the sizes that are known, `step` apart; NaN where none is.
double median_size(const std::vector<double>& sizes, std::size_t step = 1) {
  std::vector<double> known;
  for (std::size_t i = 0; i < sizes.size(); i += step) {
    if (sizes[i] > 0) {  // false for NaN
      known.push_back(sizes[i]);
    }
  }
  if (known.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::nth_element(known.begin(), middle, known.end());
  return *middle;
}

template <class Wanted>
std::vector<std::uint64_t> lines_where(const std::vector<double>& sizes, const Wanted& wanted) {
  std::vector<std::uint64_t> found;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (wanted(sizes[i])) {
      found.push_back(i);
    }
  }
  return found;
}

// Logarithms of Gaussian weights have a standard deviation of 1.1, so that a quarter of the usual
// 64 tells the size of a line to a factor of 1.3. A line that is 16 times as large as the median is
// below this by five times that.
constexpr double may_be_large_from = 4;
// Of so many sizes the median is known well enough for that.
constexpr std::size_t enough_for_median = 256;

}  // namespace

std::vector<std::uint64_t> large_lines(const std::vector<double>& sizes) {
  const double from = large_line_from * median_size(sizes);
  return lines_where(sizes, [from](double size) { return size > from; });
}

std::vector<std::uint64_t> lines_to_look_at_again(const std::vector<double>& sizes) {
  const std::size_t step = std::max(sizes.size() / enough_for_median, std::size_t{1});
  const double below = may_be_large_from * median_size(sizes, step);
  return lines_where(sizes, [below](double size) { return !(size < below); });
}

namespace {

// The rough logarithms of columns, row by row.
class LogsOfColumns {
 public:
  LogsOfColumns(DType dtype, std::uint64_t columns)
      : dtype_(dtype), row_(columns), logs_(columns), codes_(columns), counted_(columns) {}

  void add(const std::byte* packed, std::size_t items) {
    if (dtype_ == DType::bf16 && add_codes(packed)) {
      return;
    }
    convert_values(dtype_, packed, items, row_.data());
    for (std::size_t j = 0; j < row_.size(); ++j) {
      logs_[j].add(row_[j]);
    }
  }
  std::vector<double> geometric_means() {
    std::vector<double> sizes;
    for (std::size_t j = 0; j < logs_.size(); ++j) {
      logs_[j].add_bf16(codes_[j], counted_[j], rows_of_codes_);
      sizes.push_back(logs_[j].geometric_mean());
    }
    return sizes;
  }

 private:
  // Returns false, and adds nothing, where it takes doubles.
  bool add_codes(const std::byte* packed) {
    const auto code_at = [packed](std::size_t j) {
      std::uint16_t code = 0;
      std::memcpy(&code, packed + j * sizeof code, sizeof code);
      return static_cast<std::uint16_t>(code & 0x7FFF);
    };
    std::uint32_t subnormal = 0;
    for (std::size_t j = 0; j < codes_.size(); ++j) {
      subnormal += RoughLogs::is_subnormal_bf16(code_at(j)) ? 1U : 0U;
    }
    if (subnormal > 0) {
      return false;
    }
    for (std::size_t j = 0; j < codes_.size(); ++j) {
      const std::uint16_t code = code_at(j);
      const bool counts = RoughLogs::counts_bf16(code);
      codes_[j] += counts ? code : 0U;
      counted_[j] += counts ? 1U : 0U;
    }
    ++rows_of_codes_;
    return true;
  }

  DType dtype_;
  std::vector<double> row_;
  std::vector<RoughLogs> logs_;
  std::vector<std::uint32_t> codes_;  // sums over at most 2^16 rows
  std::vector<std::uint32_t> counted_;
  std::uint64_t rows_of_codes_ = 0;
};

}  // namespace

std::vector<double> column_sizes(const ByteSource& source, const View& view,
                                 const MatrixLayout& layout,
                                 const std::vector<std::uint64_t>& except, std::uint64_t wanted,
                                 ReadBuffer& buffer) {
  const BlockReader reader(source, view, layout);
  const Block all = {0, layout.columns};
  std::vector<std::byte> packed(reader.bytes_of(all));
  LogsOfColumns logs(view.dtype, layout.columns);
  const std::uint64_t step = std::max<std::uint64_t>(layout.rows / wanted, 1);
  for (std::uint64_t i = 0; i < layout.rows; i += step) {
    if (std::binary_search(except.begin(), except.end(), i)) {
      continue;
    }
    reader.copy(i, all, buffer, packed.data());
    logs.add(packed.data(), reader.items_of(all));
  }
  return logs.geometric_means();
}

}  // namespace weightgauge
