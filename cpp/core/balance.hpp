// Matrices whose rows and columns are brought to equal scale.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/decoding.hpp"
#include "core/parallel.hpp"
#include "core/value_reader.hpp"

namespace weightgauge {

// What the values of a matrix are multiplied with: the inverse root mean square of their row and of
// their column, times that of the whole. 0 for a row or column of zeros.
struct BalanceFactors {
  std::vector<double> rows;
  std::vector<double> columns;
};

// Factors of matrices with so many columns each, which divide their values. What is not finite
// counts as zero. Does not depend on the number of threads. Memory grows with rows and columns.
std::vector<BalanceFactors> balance_factors(const std::vector<ValueReader>& matrices,
                                            const std::vector<std::uint64_t>& columns, int threads,
                                            Control& control, const std::function<void()>& watch);

// Value (i, j) of a matrix times its two factors, rounded to float32.
class Balanced : public Decoding {
 public:
  Balanced(ValueReader matrix, BalanceFactors factors);

  std::uint64_t items() const { return matrix_.values(); }
  void decode(const Source& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;

 private:
  ValueReader matrix_;
  BalanceFactors factors_;
};

}  // namespace weightgauge
