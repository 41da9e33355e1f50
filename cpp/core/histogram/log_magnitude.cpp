#include "core/histogram/log_magnitude.hpp"

#include <array>
#include <cmath>
#include <cstring>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr int f64_mantissa_bits = 52;
constexpr std::uint64_t f64_exponent_bias = 1023;

double from_bits(std::uint64_t bits) {
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

std::uint64_t to_bits(double value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// A shorter format's keys with that many mantissa bits, widened to F64. Subnormal keys are integers
// that count the smallest magnitude.
template <int MantissaBits, int Bias>
void widen(const std::uint64_t* keys, std::size_t n, double* values) {
  constexpr std::uint64_t rebias = (f64_exponent_bias - Bias) << f64_mantissa_bits;
  constexpr std::uint64_t smallest = (f64_exponent_bias + 1 - Bias - MantissaBits)
                                     << f64_mantissa_bits;
  kernels().entries.widen_keys(keys, n, f64_mantissa_bits - MantissaBits, rebias, values);
  for (std::size_t i = 0; i < n && keys[i] >> MantissaBits == 0; ++i) {  // they come first
    values[i] = static_cast<double>(keys[i]) * from_bits(smallest);
  }
}

// ln m for mantissas m in [1, 2) by their ten leading bits: all there is of a narrow format's.
constexpr int table_bits = 10;
constexpr std::size_t table_size = std::size_t{1} << table_bits;
// BF16 has fewer, which for many small slices are better side by side: the first-level cache has
// more to hold than logarithms.
constexpr int bf16_bits = 7;
constexpr std::size_t bf16_step = std::size_t{1} << (table_bits - bf16_bits);
struct LogTable {
  std::array<double, table_size> log;
  std::array<double, table_size> inverse;
  std::array<double, table_size / bf16_step> bf16_log;
};

LogTable make_log_table() {
  LogTable table{};
  for (std::size_t i = 0; i < table_size; ++i) {
    const double mantissa = 1 + std::ldexp(static_cast<double>(i), -table_bits);
    table.log[i] = std::log(mantissa);
    table.inverse[i] = 1 / mantissa;
  }
  for (std::size_t i = 0; i < table.bf16_log.size(); ++i) {
    table.bf16_log[i] = table.log[i * bf16_step];
  }
  return table;
}

const LogTable& log_table() {
  static const LogTable table = make_log_table();
  return table;
}

double exponent_of(double value) {
  return static_cast<double>(to_bits(value) >> f64_mantissa_bits);
}

std::size_t lead_of(double value) {
  return (to_bits(value) >> (f64_mantissa_bits - table_bits)) & (table_size - 1);
}

bool subnormal(double value) { return to_bits(value) >> f64_mantissa_bits == 0; }

}  // namespace

void magnitude_values(DType dtype, const std::uint64_t* keys, std::size_t n, double* values) {
  switch (dtype) {
    case DType::bf16:
      widen<7, 127>(keys, n, values);
      return;
    case DType::f16:
      widen<10, 15>(keys, n, values);
      return;
    case DType::f32:
      widen<23, 127>(keys, n, values);
      return;
    default:
      for (std::size_t i = 0; i < n; ++i) {
        values[i] = magnitude_value(dtype, keys[i]);
      }
  }
}

void log_ratios(DType dtype, const double* values, std::size_t n, double unit, double* x) {
  if (subnormal(unit)) {
    close_log_ratios(values, n, unit, x);
    return;
  }
  const LogTable& table = log_table();
  const double exponent = exponent_of(unit);
  const EntryKernels& loops = kernels().entries;
  double log_unit = table.log[lead_of(unit)];
  loops.add_log_rests(&unit, 1, table.inverse.data(), &log_unit);
  const bool few = dtype == DType::bf16;
  loops.short_logs(values, n, few ? table.bf16_log.data() : table.log.data(),
                   few ? bf16_bits : table_bits, exponent, log_unit, x);
  if (!is_wide(dtype)) {
    return;
  }
  loops.add_log_rests(values, n, table.inverse.data(), x);
  for (std::size_t i = 0; i < n && subnormal(values[i]); ++i) {
    close_log_ratios(values + i, 1, unit, x + i);
  }
}

void close_log_ratios(const double* values, std::size_t n, double unit, double* x) {
  const Scaled one = scaled(unit);
  for (std::size_t i = 0; i < n; ++i) {
    x[i] = log_ratio(scaled(values[i]), one);
  }
}

}  // namespace weightgauge
