// Two tensors in one file of which values are made, and how these are scanned.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/decode/float_reader.hpp"
#include "fuzz_case.hpp"
#include "fuzz_plain.hpp"
#include "support.hpp"

namespace weightgauge::testing {

// Two tensors in one file, and how what is made of them is scanned.
struct Pair {
  std::vector<std::byte> bytes;
  DType first = DType::f32;
  DType second = DType::f32;
  std::uint64_t first_items = 0;
  std::uint64_t second_items = 0;
  ScanOptions options;
  Manner one;
  Manner other;

  std::uint64_t second_offset() const { return first_items * item_bytes(first); }
  double value(DType dtype, std::uint64_t offset, std::uint64_t index) const {
    std::uint64_t bits = 0;
    const std::size_t item = item_bytes(dtype);
    std::memcpy(&bits, bytes.data() + offset + index * item, item);
    return reference_value(dtype, bits);
  }
  double first_value(std::uint64_t index) const { return value(first, 0, index); }
  double second_value(std::uint64_t index) const { return value(second, second_offset(), index); }
};

// Random numbers, of which most are of usual size in half of all cases.
void fill(Pair& pair, Choices& choices);

FloatReader reader_of_first(const Pair& pair, const Sources& sources);
FloatReader reader_of_second(const Pair& pair, const Sources& sources);

// Scans in both manners: the values are those that are expected, and all else is the same.
void check_both(const Pair& pair, const MakeSlices& slices, const Plain& expected);

}  // namespace weightgauge::testing
