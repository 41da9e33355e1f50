// The difference of two slices, number by number. It is made while it is counted.
#pragma once

#include "core/decode/value_reader.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Value i is b[i] - a[i]: in float64 if one of the two is F64, else rounded to float32. The
// difference of equal values is zero, also of two infinities and of two NaN. So a value that is not
// zero has changed.
class Difference : public Decoding {
 public:
  // Throws std::invalid_argument if the two have different lengths.
  Difference(ValueReader a, ValueReader b);

  std::uint64_t items() const { return a_.values(); }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;

 private:
  ValueReader a_;
  ValueReader b_;
};

}  // namespace weightgauge
