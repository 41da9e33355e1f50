// Element formats of a checkpoint and the magnitude each stored code stands for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weightgauge {

enum class DType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  f8_e4m3,
  f8_e5m2,
  f8_e4m3fnuz,
  f8_e5m2fnuz,
  f8_e8m0,
  f4,           // two E2M1 codes per byte
  f4_unpacked,  // one E2M1 code per byte, in the low four bits
};

// Spelling of safetensors ("BF16", "F8_E4M3", ...); "F4_UNPACKED" for one code per byte.
const char* dtype_name(DType dtype);
// Throws std::invalid_argument for a name that is no floating-point format known here.
DType dtype_from_name(std::string_view name);

// Bytes of one stored item. For f4 an item is a byte, which holds two elements.
std::size_t item_bytes(DType dtype);
inline std::uint64_t elements_per_item(DType dtype) { return dtype == DType::f4 ? 2 : 1; }

// F32 and F64 have too many magnitudes to count one by one.
inline bool is_wide(DType dtype) { return dtype == DType::f32 || dtype == DType::f64; }
inline bool is_16_bit(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// A magnitude's key: its bit pattern without the sign, an integer that grows with the magnitude.
// 0 is the magnitude zero, except for f8_e8m0, which has no zero.
enum class Magnitude : std::uint8_t { finite, zero, nan, inf };

struct CodeMeaning {
  Magnitude magnitude;
  std::uint8_t key;
};
// The 256 codes of a format of eight bits or fewer.
struct CodeTable {
  CodeMeaning meaning[256];
};
const CodeTable& code_table(DType dtype);

// Keys from this one on are infinite or NaN (the first one is Inf). Formats of 16 bits and more.
std::uint64_t first_nonfinite_key(DType dtype);

// A positive magnitude as mantissa * 2^exponent with mantissa in [0.5, 1): no overflow and no
// underflow whatever the format, and logarithms of ratios keep full precision.
struct Scaled {
  double mantissa;
  int exponent;
};
Scaled scaled(double positive);
// ln(a / b)
double log_ratio(Scaled a, Scaled b);

double magnitude_value(DType dtype, std::uint64_t key);

}  // namespace weightgauge
