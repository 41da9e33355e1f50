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

// What the values of a matrix are multiplied with: the inverse root mean square of their row and of
// their column, times that of the whole. 0 for a row or column of zeros.
struct BalanceFactors {
  int exponent = 0;  // values are multiplied by 2^-exponent first, so that no square overflows
  std::vector<double> rows;
  std::vector<double> columns;
};

// What there is to know of a matrix beside its values.
struct MatrixForm {
  std::uint64_t columns = 1;  // which divide the values
  int exponent = 0;           // of the largest magnitude; 0 will do for all but F64
};

// Factors of matrices. What is not finite counts as zero. Does not depend on the number of threads.
// Memory grows with rows and columns.
std::vector<BalanceFactors> balance_factors(const std::vector<ValueReader>& matrices,
                                            const std::vector<MatrixForm>& forms, int threads,
                                            Control& control, const std::function<void()>& watch);

// Value (i, j) of a matrix times its two factors, rounded to float32.
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
