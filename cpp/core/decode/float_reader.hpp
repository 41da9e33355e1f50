// Stored numbers of a source as float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

// Formats whose every number is a float32: F32, BF16, F16, the F8 formats and E8M0.
bool fits_float(DType dtype);

// The values of the 256 codes of a format of eight bits, or of the 16 of F4.
const float* code_values(DType dtype);

// Values of `items` packed items, of F4 two for each. To is float, for formats that fit, or double.
template <class To>
void convert_values(DType dtype, const std::byte* from, std::size_t items, To* to);
extern template void convert_values(DType, const std::byte*, std::size_t, float*);
extern template void convert_values(DType, const std::byte*, std::size_t, double*);

// A contiguous tensor of `items` numbers. The source outlives the reader.
class FloatReader {
 public:
  // Throws std::invalid_argument for a format that does not fit.
  FloatReader(const ByteSource& source, DType dtype, std::uint64_t offset, std::uint64_t items);

  DType dtype() const { return dtype_; }
  std::uint64_t items() const { return items_; }
  // Reads `items` of them as they are stored from number `first` on.
  void read_stored(std::uint64_t first, std::uint64_t items, std::byte* to) const;
  // Reads `items` of them as float32 from number `first` on.
  void read(std::uint64_t first, std::uint64_t items, ReadBuffer& buffer, float* to) const;

 private:
  const ByteSource* source_;
  DType dtype_;
  std::uint64_t offset_;
  std::uint64_t items_;
};

}  // namespace weightgauge
