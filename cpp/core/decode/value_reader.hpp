// Any slice as a sequence of numbers, however it is stored.
#pragma once

#include <cstdint>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

// The values of a view in the view's own order; those of a matrix come row after row. The source,
// and the sources from which the view decodes, must outlive the reader.
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
  std::uint64_t per_item_;  // values in one stored item; they can only be read together
  std::uint64_t values_;
};

// A view of `values` numbers that the decoding makes without a stored item of their own.
View made_view(std::uint64_t values, std::shared_ptr<const Decoding> decoding);

}  // namespace weightgauge
