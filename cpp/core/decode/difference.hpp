// The difference of two slices, number by number, made as it is counted.
#pragma once

#include "core/decode/value_reader.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Value i is b[i] - a[i]: in float64 where either is of F64, else rounded to float32. Equal values
// differ by zero, infinities and NaN included; so what is not zero has changed.
class Difference : public Decoding {
 public:
  // Throws std::invalid_argument where the two have different lengths.
  Difference(ValueReader a, ValueReader b);

  std::uint64_t items() const { return a_.values(); }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;

 private:
  ValueReader a_;
  ValueReader b_;
};

}  // namespace weightgauge
