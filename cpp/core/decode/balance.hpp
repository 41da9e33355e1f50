// Matrices whose rows and columns are brought to equal scale.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/decode/value_reader.hpp"
#include "core/decode/winsorised_scales.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// The factors of several matrices, by winsorised scales. The result does not depend on the number
// of threads. Memory grows with the number of rows and columns.
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
