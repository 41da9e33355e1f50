#include "core/log_magnitude.hpp"

#include <array>
#include <cmath>
#include <cstring>

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

// A narrow format's key with that many mantissa bits, widened to F64. Subnormal keys are integers
// that count the smallest magnitude.
template <int MantissaBits, int Bias>
double widened(std::uint64_t key) {
  constexpr std::uint64_t rebias = (f64_exponent_bias - Bias) << f64_mantissa_bits;
  constexpr std::uint64_t smallest = (f64_exponent_bias + 1 - Bias - MantissaBits)
                                     << f64_mantissa_bits;
  if (key >> MantissaBits == 0) {
    return static_cast<double>(key) * from_bits(smallest);
  }
  return from_bits((key << (f64_mantissa_bits - MantissaBits)) + rebias);
}

template <int MantissaBits, int Bias>
void widen(const std::uint64_t* keys, std::size_t n, double* values) {
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = widened<MantissaBits, Bias>(keys[i]);
  }
}

// ln m for mantissas m in [1, 2) by their ten leading bits: all there is of a narrow format's.
constexpr int table_bits = 10;
constexpr std::size_t table_size = std::size_t{1} << table_bits;
struct LogTable {
  std::array<double, table_size> log;
  std::array<double, table_size> inverse;
};

LogTable make_log_table() {
  LogTable table{};
  for (std::size_t i = 0; i < table_size; ++i) {
    const double mantissa = 1 + std::ldexp(static_cast<double>(i), -table_bits);
    table.log[i] = std::log(mantissa);
    table.inverse[i] = 1 / mantissa;
  }
  return table;
}

struct Decomposed {
  double exponent;
  double log_lead;  // of the mantissa's leading bits
  double rest;      // what the mantissa exceeds them by, as a share: in [0, 2^-10)
};

Decomposed decompose(const LogTable& table, double value) {
  constexpr std::uint64_t mantissa_mask = (1ULL << f64_mantissa_bits) - 1;
  constexpr std::uint64_t rest_mask = (1ULL << (f64_mantissa_bits - table_bits)) - 1;
  const std::uint64_t bits = to_bits(value);
  const std::uint64_t lead = (bits & mantissa_mask) >> (f64_mantissa_bits - table_bits);
  const auto rest = static_cast<double>(static_cast<std::int64_t>(bits & rest_mask));
  return {static_cast<double>(static_cast<std::int64_t>(bits >> f64_mantissa_bits)),
          table.log[lead], rest * 0x1p-52 * table.inverse[lead]};
}

// ln(1 + r) for r in [0, 2^-10): what is left out is below r^6/6 < 2e-19.
double log1p_small(double r) {
  return r * (1 + r * (-0.5 + r * (1.0 / 3 + r * (-0.25 + r * 0.2))));
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

void log_ratios(const double* values, std::size_t n, double unit, double* x) {
  static const LogTable table = make_log_table();
  constexpr double ln2 = 0.693147180559945309417232121458;
  if (subnormal(unit)) {
    close_log_ratios(values, n, unit, x);
    return;
  }
  const Decomposed one = decompose(table, unit);
  const double log_unit = one.log_lead + log1p_small(one.rest);
  for (std::size_t i = 0; i < n; ++i) {
    const Decomposed value = decompose(table, values[i]);
    x[i] = (value.exponent - one.exponent) * ln2 +
           ((value.log_lead - log_unit) + log1p_small(value.rest));
  }
  for (std::size_t i = 0; i < n && subnormal(values[i]); ++i) {  // they come first, if at all
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
