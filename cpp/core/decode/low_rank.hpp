// The product of two thin factors. It is multiplied out while it is counted.
#pragma once

#include <cstdint>
#include <vector>

#include "core/decode/float_reader.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

// Item i * columns + j has the value factor * sum over t of left[i, t] right[t, j]. The sum is made
// in float32, in that order. No bytes stand behind such an item: it is only a number.
class LowRank : public Decoding {
 public:
  // Throws std::invalid_argument if the factors do not have rows * rank and rank * columns
  // numbers.
  LowRank(std::uint64_t rows, std::uint64_t rank, std::uint64_t columns, const FloatReader& left,
          const FloatReader& right, float factor);

  std::uint64_t items() const { return rows_ * columns_; }
  void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
              const TakeValues& take) const override;

 private:
  void decode_strip(std::uint64_t item, std::uint64_t items, std::uint64_t first,
                    std::uint64_t last, ReadBuffer& buffer, const TakeValues& take) const;
  const float* right_columns(std::uint64_t first, std::uint64_t last, ReadBuffer& buffer) const;

  std::uint64_t rows_;
  std::uint64_t rank_;
  std::uint64_t columns_;
  std::uint64_t width_;  // columns of a strip of the right factor that is kept as float32
  FloatReader left_;
  FloatReader right_;
  float factor_;
};

}  // namespace weightgauge
