// Stored numbers of a source as float32.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"

namespace weightgauge {

// Whether float32 holds every number of the format: true for F32, BF16, F16, the F8 formats and
// E8M0.
bool fits_float(DType dtype);

// The values of all codes: 256 for a format of eight bits, 16 for F4.
const float* code_values(DType dtype);

// Converts `items` packed items; an item of F4 gives two values. To is double, or, for formats for
// which fits_float() is true, float.
template <class To>
void convert_values(DType dtype, const std::byte* from, std::size_t items, To* to);
extern template void convert_values(DType, const std::byte*, std::size_t, float*);
extern template void convert_values(DType, const std::byte*, std::size_t, double*);

// A contiguous tensor of `items` numbers. The source must outlive the reader.
class FloatReader {
 public:
  // Throws std::invalid_argument if fits_float(dtype) is false, or if a number would lie beyond the
  // end of the source.
  FloatReader(const ByteSource& source, DType dtype, std::uint64_t offset, std::uint64_t items);

  DType dtype() const { return dtype_; }
  std::uint64_t items() const { return items_; }
  // Reads `items` numbers from number `first` on, as they are stored.
  void read_stored(std::uint64_t first, std::uint64_t items, std::byte* to) const;
  // Reads `items` numbers from number `first` on, as float32.
  void read(std::uint64_t first, std::uint64_t items, ReadBuffer& buffer, float* to) const;

 private:
  const ByteSource* source_;
  DType dtype_;
  std::uint64_t offset_;
  std::uint64_t items_;
};

}  // namespace weightgauge
