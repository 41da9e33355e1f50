// Any slice as a sequence of numbers, whatever it is stored as.
#pragma once

#include <cstdint>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

// The values of a view in its own order: of a matrix, row after row. The source and what the view
// decodes from outlive the reader.
class ValueReader {
 public:
  ValueReader(const ByteSource& source, View view);

  std::uint64_t values() const { return values_; }
  // Whether a value may need the precision of float64.
  bool wide() const { return view_.dtype == DType::f64; }
  const ByteSource& source() const { return *source_; }
  // Reads `n` values from number `first` on.
  void read(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer, double* to) const;

 private:
  const ByteSource* source_;
  View view_;
  std::uint64_t per_item_;  // values that can only be read together
  std::uint64_t values_;
};

// A view of that many numbers that a decoding makes from nothing stored.
View made_view(std::uint64_t values, std::shared_ptr<const Decoding> decoding);

}  // namespace weightgauge
