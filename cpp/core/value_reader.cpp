#include "core/value_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/errors.hpp"
#include "core/float_reader.hpp"

namespace weightgauge {

namespace {

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

// Exponent and mantissa moved to their places in a float and the bias mended: subnormal numbers
// come out right, and what has the largest exponent is infinite or no number.
float half(std::uint16_t bits) {
  const std::uint32_t magnitude = std::uint32_t{bits & 0x7FFFU} << 13;
  const std::uint32_t sign = std::uint32_t{bits & 0x8000U} << 16;
  const auto scaled = as<std::uint32_t>(as<float>(magnitude) * 0x1p112F);
  const std::uint32_t finite = (bits & 0x7C00U) == 0x7C00U ? 0x7F800000U | magnitude : scaled;
  return as<float>(finite | sign);
}

void convert(DType dtype, const std::byte* from, std::size_t items, double* to) {
  switch (dtype) {
    case DType::f64:
      std::memcpy(to, from, items * sizeof(double));
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

}  // namespace

ValueReader::ValueReader(const Source& source, View view)
    : source_(&source),
      view_(std::move(view)),
      per_item_(view_.decoding != nullptr ? view_.decoding->values_per_item()
                                          : elements_per_item(view_.dtype)),
      values_(view_.decoding != nullptr ? view_.items() : view_.elements()) {}

void ValueReader::read(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer, double* to) const {
  if (per_item_ > 1 && (first % per_item_ != 0 || (first + n) % per_item_ != 0)) {
    // Two values share a byte, and only one of them is wanted.
    const std::uint64_t from = first - first % per_item_;
    const std::uint64_t until = std::min(first + n + per_item_ - 1, values_);
    std::vector<double>& whole = buffer.decoding_space().whole;
    whole.resize(until - from + per_item_);
    const std::uint64_t end = until - until % per_item_;
    read(from, end - from, buffer, whole.data());
    std::copy_n(whole.data() + (first - from), n, to);
    return;
  }
  double* next = to;
  const double* const end = to + n;
  const std::uint64_t per_packed = view_.decoding != nullptr ? 1 : per_item_;
  for_each_stretch(*source_, view_, first / per_packed, (first + n) / per_packed, buffer,
                   [&](const std::byte* packed, std::size_t items) {
                     if (items * per_packed > static_cast<std::uint64_t>(end - next)) {
                       throw DataChanged();
                     }
                     convert(view_.dtype, packed, items, next);
                     next += items * per_packed;
                   });
}

View made_view(std::uint64_t values, std::shared_ptr<const Decoding> decoding) {
  // The items are numbers, as far apart as bytes.
  return decoded_view(contiguous_view(DType::f8_e8m0, 0, values), std::move(decoding));
}

}  // namespace weightgauge
