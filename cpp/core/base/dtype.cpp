#include "core/base/dtype.hpp"

#include <cmath>
#include <cstring>
#include <stdexcept>

namespace weightgauge {

namespace {

struct Name {
  DType dtype;
  const char* name;
  std::size_t bytes;
};
constexpr Name names[] = {
    {DType::f64, "F64", 8},
    {DType::f32, "F32", 4},
    {DType::f16, "F16", 2},
    {DType::bf16, "BF16", 2},
    {DType::f8_e4m3, "F8_E4M3", 1},
    {DType::f8_e5m2, "F8_E5M2", 1},
    {DType::f8_e4m3fnuz, "F8_E4M3FNUZ", 1},
    {DType::f8_e5m2fnuz, "F8_E5M2FNUZ", 1},
    {DType::f8_e8m0, "F8_E8M0", 1},
    {DType::f4, "F4", 1},
    {DType::f4_unpacked, "F4_UNPACKED", 1},
};

const Name& entry(DType dtype) { return names[static_cast<std::size_t>(dtype)]; }

// Value of a sign-less code with the given split into exponent and mantissa bits.
double decode(std::uint64_t code, int mantissa_bits, int bias) {
  const auto exponent = static_cast<int>(code >> mantissa_bits);
  const auto mantissa = static_cast<double>(code & ((1ULL << mantissa_bits) - 1));
  if (exponent == 0) {
    return std::ldexp(mantissa, 1 - bias - mantissa_bits);
  }
  return std::ldexp(mantissa + static_cast<double>(1ULL << mantissa_bits),
                    exponent - bias - mantissa_bits);
}

CodeMeaning meaning(DType dtype, unsigned raw) {
  const auto key = static_cast<std::uint8_t>(raw & 0x7F);
  const bool fnuz = dtype == DType::f8_e4m3fnuz || dtype == DType::f8_e5m2fnuz;
  if (dtype == DType::f8_e8m0) {  // a bare exponent: no sign, no zero
    return {raw == 0xFF ? Magnitude::nan : Magnitude::finite, static_cast<std::uint8_t>(raw)};
  }
  if (dtype == DType::f4 || dtype == DType::f4_unpacked) {
    const auto code = static_cast<std::uint8_t>(raw & 0x07);
    return {code == 0 ? Magnitude::zero : Magnitude::finite, code};
  }
  if (fnuz && raw == 0x80) {  // what would be negative zero is the only NaN
    return {Magnitude::nan, 0};
  }
  if (dtype == DType::f8_e4m3 && key == 0x7F) {
    return {Magnitude::nan, key};
  }
  if (dtype == DType::f8_e5m2 && key >= 0x7C) {
    return {key == 0x7C ? Magnitude::inf : Magnitude::nan, key};
  }
  return {key == 0 ? Magnitude::zero : Magnitude::finite, key};
}

CodeTable make_code_table(DType dtype) {
  CodeTable table{};
  for (unsigned raw = 0; raw < 256; ++raw) {
    table.meaning[raw] = meaning(dtype, raw);
  }
  return table;
}

}  // namespace

const char* dtype_name(DType dtype) { return entry(dtype).name; }

DType dtype_from_name(std::string_view name) {
  for (const Name& candidate : names) {
    if (name == candidate.name) {
      return candidate.dtype;
    }
  }
  throw std::invalid_argument("unknown floating-point format '" + std::string(name) + "'");
}

std::size_t item_bytes(DType dtype) { return entry(dtype).bytes; }

const CodeTable& code_table(DType dtype) {
  static const CodeTable tables[] = {
      make_code_table(DType::f8_e4m3),     make_code_table(DType::f8_e5m2),
      make_code_table(DType::f8_e4m3fnuz), make_code_table(DType::f8_e5m2fnuz),
      make_code_table(DType::f8_e8m0),     make_code_table(DType::f4),
      make_code_table(DType::f4_unpacked),
  };
  const auto index = static_cast<std::size_t>(dtype) - static_cast<std::size_t>(DType::f8_e4m3);
  return tables[index];
}

std::uint64_t first_nonfinite_key(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return 0x7FF0000000000000ULL;
    case DType::f32:
      return 0x7F800000ULL;
    case DType::bf16:
      return 0x7F80ULL;
    case DType::f16:
      return 0x7C00ULL;
    default:
      throw std::logic_error("formats of eight bits have their own code table");
  }
}

Scaled scaled(double positive) {
  Scaled result{};
  result.mantissa = std::frexp(positive, &result.exponent);
  return result;
}

double log_ratio(Scaled a, Scaled b) {
  constexpr double ln2 = 0.693147180559945309417232121458;
  const int exponents = a.exponent - b.exponent;
  if (exponents >= -1 && exponents <= 1) {
    // Close to each other the difference is exact and the ratio is not.
    const double numerator = exponents == 0   ? a.mantissa
                             : exponents == 1 ? 2 * a.mantissa
                                              : a.mantissa / 2;
    return std::log1p((numerator - b.mantissa) / b.mantissa);
  }
  return std::log(a.mantissa / b.mantissa) + ln2 * static_cast<double>(exponents);
}

double magnitude_value(DType dtype, std::uint64_t key) {
  switch (dtype) {
    case DType::f64: {
      double value = 0;
      std::memcpy(&value, &key, sizeof value);
      return value;
    }
    case DType::f32:
    case DType::bf16: {
      const auto bits = static_cast<std::uint32_t>(dtype == DType::bf16 ? key << 16 : key);
      float value = 0;
      std::memcpy(&value, &bits, sizeof value);
      return static_cast<double>(value);
    }
    case DType::f16:
      return decode(key, 10, 15);
    case DType::f8_e4m3:
      return decode(key, 3, 7);
    case DType::f8_e5m2:
      return decode(key, 2, 15);
    case DType::f8_e4m3fnuz:
      return decode(key, 3, 8);
    case DType::f8_e5m2fnuz:
      return decode(key, 2, 16);
    case DType::f8_e8m0:
      return std::ldexp(1.0, static_cast<int>(key) - 127);
    case DType::f4:
    case DType::f4_unpacked:
      return decode(key, 1, 1);
  }
  throw std::logic_error("unknown element format");
}

}  // namespace weightgauge
