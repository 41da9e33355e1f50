#include "core/two_way/row_sizes.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/decode/float_reader.hpp"
#include "core/two_way/block_reader.hpp"
#include "core/two_way/rough_logs.hpp"

namespace weightgauge {

namespace {

// Rows are read from so far ahead.
constexpr std::uint64_t rows_ahead = 4;

// Several sums at once, in an order that vectors can follow.
double sum_of_squares(const std::vector<double>& row) {
  constexpr std::size_t lanes = 8;
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= row.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += row[i + lane] * row[i + lane];
    }
  }
  for (std::size_t lane = 0; i < row.size(); ++i, ++lane) {
    sums[lane] += row[i] * row[i];
  }
  double sum = 0;
  for (const double each : sums) {
    sum += each;
  }
  return sum;
}

// Divided by the largest magnitude first, so that no square leaves the range of doubles.
double careful_root_mean_square(const std::vector<double>& row) {
  double largest = 0;
  for (const double value : row) {
    const double magnitude = std::fabs(value);
    if (magnitude > largest && magnitude <= std::numeric_limits<double>::max()) {
      largest = magnitude;
    }
  }
  double sum = 0;
  double n = 0;
  for (const double value : row) {
    const bool finite = std::fabs(value) <= largest;  // false for NaN
    const double ratio = finite && largest > 0 ? value / largest : 0;
    sum += ratio * ratio;
    n += finite ? 1 : 0;
  }
  return largest * std::sqrt(sum / n);
}

float bf16_at(const std::byte* packed, std::size_t i) {
  std::uint16_t code;
  std::memcpy(&code, packed + i * sizeof code, sizeof code);
  const std::uint32_t bits = std::uint32_t{code} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float f32_at(const std::byte* packed, std::size_t i) {
  float value;
  std::memcpy(&value, packed + i * sizeof value, sizeof value);
  return value;
}

template <float (*at)(const std::byte*, std::size_t)>
float sum_of_float_squares(const std::byte* packed, std::size_t n) {
  constexpr std::size_t lanes = 16;
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const float value = at(packed, i + lane);
      sums[lane] += value * value;
    }
  }
  for (std::size_t lane = 0; i < n; ++i, ++lane) {
    sums[lane] += at(packed, i) * at(packed, i);
  }
  float sum = 0;
  for (const float each : sums) {
    sum += each;
  }
  return sum;
}

// NaN where it takes doubles.
double quick_root_mean_square(DType dtype, const std::byte* packed, std::size_t n) {
  float sum = 0;
  if (dtype == DType::bf16) {
    sum = sum_of_float_squares<bf16_at>(packed, n);
  } else if (dtype == DType::f32) {
    sum = sum_of_float_squares<f32_at>(packed, n);
  }
  const bool in_range = sum > 0x1p-80F && sum < 0x1p100F;  // false for NaN, and for other formats
  return in_range ? std::sqrt(static_cast<double>(sum) / static_cast<double>(n))
                  : std::numeric_limits<double>::quiet_NaN();
}

// NaN where it takes doubles, or is not known.
double quick_geometric_mean(DType dtype, const std::byte* packed, std::size_t n) {
  if (dtype != DType::bf16) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::uint32_t codes = 0;
  std::uint32_t counted = 0;
  std::uint32_t subnormal = 0;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint16_t code;
    std::memcpy(&code, packed + i * sizeof code, sizeof code);
    code &= 0x7FFF;
    const bool counts = RoughLogs::counts_bf16(code);
    codes += counts ? code : 0U;
    counted += counts ? 1U : 0U;
    subnormal += RoughLogs::is_subnormal_bf16(code) ? 1U : 0U;
  }
  RoughLogs logs;
  logs.add_bf16(codes, counted, n);
  return subnormal == 0 ? logs.geometric_mean() : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

double root_mean_square(const std::vector<double>& weights) {
  const double sum = sum_of_squares(weights);
  const bool in_range = sum > 0x1p-900 && sum < 0x1p900;  // false for NaN
  return in_range ? std::sqrt(sum / static_cast<double>(weights.size()))
                  : careful_root_mean_square(weights);
}

double geometric_mean(const std::vector<double>& weights) {
  constexpr std::size_t lanes = 4;  // no sum waits for the one before it
  RoughLogs logs[lanes];
  std::size_t i = 0;
  for (; i + lanes <= weights.size(); i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      logs[lane].add(weights[i + lane]);
    }
  }
  for (std::size_t lane = 0; i < weights.size(); ++i, ++lane) {
    logs[lane].add(weights[i]);
  }
  for (std::size_t lane = 1; lane < lanes; ++lane) {
    logs[0].add(logs[lane]);
  }
  return logs[0].geometric_mean();
}

void row_sizes(const ByteSource& source, const View& view, const MatrixLayout& layout,
               SizeOf size_of, std::uint64_t width, std::uint64_t first, std::uint64_t last,
               ReadBuffer& buffer, double* to) {
  const BlockReader reader(source, view, layout);
  const Block block = {0, width};
  std::vector<std::byte> copy(reader.in_place() ? 0 : reader.bytes_of(block));
  std::vector<double> row(width);
  for (std::uint64_t i = first; i < last; ++i) {
    const std::byte* packed = copy.data();
    if (reader.in_place()) {
      packed = reader.at(i, block);
      detail::prefetch(reader.at(std::min(i + rows_ahead, last - 1), block),
                       reader.bytes_of(block));
    } else {
      reader.copy(i, block, buffer, copy.data());
    }
    *to = size_of == root_mean_square ? quick_root_mean_square(view.dtype, packed, width)
                                      : quick_geometric_mean(view.dtype, packed, width);
    if (!std::isnan(*to)) {
      ++to;
      continue;
    }
    convert_values(view.dtype, packed, reader.items_of(block), row.data());
    *to++ = size_of(row);
  }
}

}  // namespace weightgauge
