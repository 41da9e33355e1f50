// Values that are not stored as they count: they are made from what is stored, a little at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/dtype.hpp"

namespace weightgauge {

class ReadBuffer;
class ByteSource;
struct Run;

// Takes n packed values, aligned for any element.
using TakeValues = std::function<void(const std::byte* values, std::size_t n)>;

// Per thread: values just made, and what they are made from, kept for the next ones.
struct DecodingSpace {
  static constexpr std::size_t value_bytes = 64 * 1024;
  std::vector<std::uint64_t> values;
  const void* owner = nullptr;  // whose `kept` it is
  std::uint64_t kept_first = 0;
  std::uint64_t kept_last = 0;
  std::vector<float> kept;
  std::vector<float> row;
  std::vector<std::byte> kept_bytes;
  std::vector<std::byte> codes;
  std::vector<double> left;  // numbers that are being combined
  std::vector<double> right;
  std::vector<double> whole;

  std::byte* value_storage() {
    values.resize(value_bytes / sizeof(std::uint64_t));
    return reinterpret_cast<std::byte*>(values.data());
  }
  std::byte* code_storage() {
    codes.resize(value_bytes);
    return codes.data();
  }
};

class Decoding {
 public:
  virtual ~Decoding() = default;
  Decoding(const Decoding&) = delete;
  Decoding& operator=(const Decoding&) = delete;

  DType values() const { return values_; }
  std::uint64_t values_per_item() const { return values_per_item_; }

  // Hands over the values of a run of stored items, in any order: it plays no part in counting.
  // What a value is must not depend on the run it is asked for in.
  virtual void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                      const TakeValues& take) const = 0;

 protected:
  Decoding(DType values, std::uint64_t values_per_item)
      : values_(values), values_per_item_(values_per_item) {}

 private:
  DType values_;
  std::uint64_t values_per_item_;
};

}  // namespace weightgauge
