#include "core/decode/float_reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace weightgauge {

namespace {

using CodeValues = std::array<float, 256>;

float code_value(DType dtype, unsigned raw) {
  const CodeMeaning meaning = code_table(dtype).meaning[raw];
  float magnitude = 0;
  switch (meaning.magnitude) {
    case Magnitude::finite:
      magnitude = static_cast<float>(magnitude_value(dtype, meaning.key));
      break;
    case Magnitude::zero:
      break;
    case Magnitude::nan:
      return std::numeric_limits<float>::quiet_NaN();
    case Magnitude::inf:
      magnitude = std::numeric_limits<float>::infinity();
      break;
  }
  const unsigned sign = dtype == DType::f8_e8m0 ? 0U : dtype == DType::f4_unpacked ? 8U : 128U;
  return (raw & sign) != 0 ? -magnitude : magnitude;
}

CodeValues make_code_values(DType dtype) {
  CodeValues values{};
  for (unsigned raw = 0; raw < values.size(); ++raw) {
    values[raw] = code_value(dtype, raw);
  }
  return values;
}

template <class Bits>
Bits bits_at(const std::byte* from, std::size_t i) {
  Bits bits;
  std::memcpy(&bits, from + i * sizeof bits, sizeof bits);
  return bits;
}

template <class To, class From>
To as(From bits) {
  static_assert(sizeof(To) == sizeof(From));
  To value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Moves exponent and mantissa to their places in a float, then corrects the bias by a
// multiplication. That is right for subnormal numbers too. The largest exponent stands for
// infinities and NaN.
float half(std::uint16_t bits) {
  const std::uint32_t magnitude = std::uint32_t{bits & 0x7FFFU} << 13;
  const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16;
  const auto scaled = as<std::uint32_t>(as<float>(magnitude) * 0x1p112F);
  const std::uint32_t finite = (bits & 0x7C00U) == 0x7C00U ? 0x7F800000U | magnitude : scaled;
  return as<float>(finite | sign);
}

}  // namespace

bool fits_float(DType dtype) {
  return dtype != DType::f64 && dtype != DType::f4 && dtype != DType::f4_unpacked;
}

const float* code_values(DType dtype) {
  static const CodeValues e4m3 = make_code_values(DType::f8_e4m3);
  static const CodeValues e5m2 = make_code_values(DType::f8_e5m2);
  static const CodeValues e4m3fnuz = make_code_values(DType::f8_e4m3fnuz);
  static const CodeValues e5m2fnuz = make_code_values(DType::f8_e5m2fnuz);
  static const CodeValues e8m0 = make_code_values(DType::f8_e8m0);
  static const CodeValues e2m1 = make_code_values(DType::f4_unpacked);
  switch (dtype) {
    case DType::f8_e4m3:
      return e4m3.data();
    case DType::f8_e5m2:
      return e5m2.data();
    case DType::f8_e4m3fnuz:
      return e4m3fnuz.data();
    case DType::f8_e5m2fnuz:
      return e5m2fnuz.data();
    case DType::f8_e8m0:
      return e8m0.data();
    case DType::f4:
    case DType::f4_unpacked:
      return e2m1.data();
    default:
      throw std::invalid_argument("only formats of eight bits and fewer have a table of values");
  }
}

template <class To>
void convert_values(DType dtype, const std::byte* from, std::size_t items, To* to) {
  switch (dtype) {
    case DType::f64:
      for (std::size_t i = 0; i < items; ++i) {
        to[i] = static_cast<To>(as<double>(bits_at<std::uint64_t>(from, i)));
      }
      return;
    case DType::f32:
      for (std::size_t i = 0; i < items; ++i) {
        to[i] = as<float>(bits_at<std::uint32_t>(from, i));
      }
      return;
    case DType::bf16:
      for (std::size_t i = 0; i < items; ++i) {
        to[i] = as<float>(std::uint32_t{bits_at<std::uint16_t>(from, i)} << 16);
      }
      return;
    case DType::f16:
      for (std::size_t i = 0; i < items; ++i) {
        to[i] = half(bits_at<std::uint16_t>(from, i));
      }
      return;
    case DType::f4: {
      const float* const values = code_values(dtype);
      for (std::size_t i = 0; i < items; ++i) {
        const auto pair = std::to_integer<unsigned>(from[i]);
        to[2 * i] = values[pair & 0x0FU];
        to[2 * i + 1] = values[pair >> 4];
      }
      return;
    }
    default: {
      const float* const values = code_values(dtype);
      for (std::size_t i = 0; i < items; ++i) {
        to[i] = values[std::to_integer<unsigned>(from[i])];
      }
    }
  }
}

template void convert_values(DType, const std::byte*, std::size_t, float*);
template void convert_values(DType, const std::byte*, std::size_t, double*);

FloatReader::FloatReader(const ByteSource& source, DType dtype, std::uint64_t offset,
                         std::uint64_t items)
    : source_(&source), dtype_(dtype), offset_(offset), items_(items) {
  if (!fits_float(dtype)) {
    throw std::invalid_argument("scales and factors cannot be read from this element format");
  }
  if (!source.has(offset, items, item_bytes(dtype))) {
    throw std::invalid_argument("scales or factors reach beyond the end of their file");
  }
}

void FloatReader::read_stored(std::uint64_t first, std::uint64_t items, std::byte* to) const {
  const std::size_t item = item_bytes(dtype_);
  const std::uint64_t at = offset_ + first * item;
  source_->read(to, static_cast<std::size_t>(items * item), at);
}

void FloatReader::read(std::uint64_t first, std::uint64_t items, ReadBuffer& buffer,
                       float* to) const {
  const std::size_t item = item_bytes(dtype_);
  const std::uint64_t most = ReadBuffer::bytes / item;
  for (std::uint64_t done = 0; done < items; done += most) {
    const auto n = static_cast<std::size_t>(std::min(most, items - done));
    const std::uint64_t at = offset_ + (first + done) * item;
    if (source_->memory() != nullptr) {
      convert_values(dtype_, source_->memory() + at, n, to + done);
    } else {
      source_->read(buffer.data(), n * item, at);
      convert_values(dtype_, buffer.data(), n, to + done);
    }
  }
}

}  // namespace weightgauge
