// Decisions that a fuzzer's input makes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weightgauge::testing {

// Reads decisions from an input, byte by byte. After the end of the input every decision is 0.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  bool ended() const { return at_ == end_; }
  std::uint64_t bits(int count) {  // count: 8, 16, ... 64
    std::uint64_t found = 0;
    for (int shift = 0; shift < count && at_ != end_; shift += 8) {
      found |= std::uint64_t{*at_++} << shift;
    }
    return found;
  }
  std::size_t below(std::size_t options) { return bits(8) % options; }  // options: at most 256
  std::vector<std::byte> rest() const {
    const auto* const first = reinterpret_cast<const std::byte*>(at_);
    return {first, first + (end_ - at_)};
  }
  // A number of any size; small ones are as likely as large ones.
  std::uint64_t number() {
    const std::size_t bytes = below(9);
    return bytes == 0 ? 0 : bits(static_cast<int>(8 * bytes));
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

}  // namespace weightgauge::testing
