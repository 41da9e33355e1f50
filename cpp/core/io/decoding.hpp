// Values that are not stored as such: they are made from what is stored, a little at a time.
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

// Receives n packed values, aligned for any element format.
using TakeValues = std::function<void(const std::byte* values, std::size_t n)>;

// One thread's memory: the values just made, and inputs that are kept because the next values need
// them too.
struct DecodingSpace {
  static constexpr std::size_t value_bytes = 64 * 1024;
  std::vector<std::uint64_t> values;
  const void* owner = nullptr;  // the decoding that filled `kept`
  std::uint64_t kept_first = 0;
  std::uint64_t kept_last = 0;
  std::vector<float> kept;
  std::vector<float> row;
  std::vector<float> line;
  std::vector<std::uint32_t> words;
  std::vector<std::uint32_t> groups;
  std::vector<std::byte> kept_bytes;
  std::vector<std::byte> codes;
  std::vector<double> left;  // `left` and `right` hold the operands of arithmetic
  std::vector<double> right;
  std::vector<double> whole;
  std::vector<std::byte> scales;

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

  // Hands over the values of a run of stored items. They may come in any order, because counts do
  // not depend on it. A value must not depend on the run in which it is asked for.
  virtual void decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                      const TakeValues& take) const = 0;

  // Whether the values of such a run can be counted without making them. They then have 16 bits.
  virtual bool can_count(const ByteSource& /*stored*/, const Run& /*run*/) const { return false; }
  // Where they can: adds to the counts by magnitude, of which none may reach 2^32, and returns how
  // many values are finite and negative.
  virtual std::uint64_t count(const ByteSource& /*stored*/, const Run& /*run*/,
                              ReadBuffer& /*buffer*/, std::uint32_t* /*magnitudes*/) const {
    return 0;
  }

 protected:
  Decoding(DType values, std::uint64_t values_per_item)
      : values_(values), values_per_item_(values_per_item) {}

 private:
  DType values_;
  std::uint64_t values_per_item_;
};

}  // namespace weightgauge
