// Matrices whose rows and columns are brought to equal scale.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/decode/value_reader.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Factors for the rows and columns of a matrix. A value is multiplied with the inverse root mean
// square of its row and with that of its column, and with the root mean square of the whole matrix.
// The factor of a row or column of zeros is 0.
struct BalanceFactors {
  int exponent = 0;  // values are multiplied by 2^-exponent first, so that no square overflows
  std::vector<double> rows;
  std::vector<double> columns;
};

// The form of a matrix whose values are read one after the other.
struct MatrixForm {
  std::uint64_t columns = 1;  // the number of values must be a multiple of this
  int exponent = 0;           // of the largest magnitude; 0 is good enough for all but F64
};

// The factors of several matrices. Values that are not finite count as zero. The result does not
// depend on the number of threads. Memory grows with the number of rows and columns.
std::vector<BalanceFactors> balance_factors(const std::vector<ValueReader>& matrices,
                                            const std::vector<MatrixForm>& forms, int threads,
                                            Control& control, const std::function<void()>& watch);

// Makes each value of a matrix times the factors of its row and its column, rounded to float32.
class Balanced : public Decoding {
 public:
  Balanced(ValueReader matrix, BalanceFactors factors);

  std::uint64_t items() const { return matrix_.values(); }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;

 private:
  ValueReader matrix_;
  BalanceFactors factors_;
};

}  // namespace weightgauge
