// Geometric means that are good enough to tell lines of a matrix apart that differ many times over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace weightgauge {

// The bits of a positive number, taken as an integer, grow as its logarithm does, and along a
// straight line between two powers of two: log2 is off by 0.086 at most, there and back. So the
// mean is off by 6 % at most. A logarithm for each weight would take several times as long as
// counting it. Zeros and what is not finite do not count.
class RoughLogs {
 public:
  // Whether a BF16 code without its sign is none of zero and infinity or above.
  static bool counts_bf16(std::uint16_t code) { return code - 1U < 0x7F80U - 1U; }
  static bool is_subnormal_bf16(std::uint16_t code) { return code - 1U < 0x0080U - 1U; }

  void add(double weight) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &weight, sizeof bits);
    bits &= ~std::uint64_t{0} >> 1;
    const bool counts = bits - 1 < infinity - 1;
    sum_ += counts ? bits >> left_out : 0;  // without a branch, because zeros may be few or many
    n_ += counts ? 1 : 0;
    ++asked_;
  }
  // The same of BF16 weights, of which `n` count: the sum of their codes without signs is that of
  // their logarithms but for a constant and a factor. None of them may be subnormal.
  void add_bf16(std::uint64_t codes, std::uint64_t n, std::uint64_t asked) {
    constexpr std::uint64_t exponents = 1023 - 127;  // between a double's and BF16's
    sum_ += (codes + (n * exponents << 7)) << (52 - 7 - left_out);
    n_ += n;
    asked_ += asked;
  }
  void add(const RoughLogs& others) {
    sum_ += others.sum_;
    n_ += others.n_;
    asked_ += others.asked_;
  }
  // NaN where too few count to tell: fewer than 16, or than a quarter of fewer than 64.
  double geometric_mean() const {
    if (n_ == 0 || 4 * n_ < std::min<std::uint64_t>(asked_, 64)) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    const std::uint64_t bits = sum_ / n_ << left_out;
    double mean = 0;
    std::memcpy(&mean, &bits, sizeof mean);
    return mean;
  }

 private:
  static constexpr std::uint64_t infinity = std::uint64_t{0x7FF} << 52;
  static constexpr int left_out = 28;  // low bits, so that the sum of 2^29 numbers has room

  std::uint64_t sum_ = 0;
  std::uint64_t n_ = 0;
  std::uint64_t asked_ = 0;
};

}  // namespace weightgauge
