// Makes arrays from short inputs of a fuzzer. Only large arrays are counted in bins, and a fuzzer's
// inputs are small. So an input does not hold an array: it chooses how the array is made, and some
// of its items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/scan/scan.hpp"

namespace weightgauge::testing {

// Reads decisions from an input, byte by byte. After the end of the input every decision is 0.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  std::uint64_t bits(int count);           // count: 8, 16, ... 64
  std::size_t below(std::size_t options);  // options: at most 256
  std::vector<std::byte> rest() const;

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// Where the bytes are, or how they are passed.
enum class Place : std::uint8_t { memory, mapping, reads, fed };

// Everything on which a result must not depend.
struct Manner {
  Place place = Place::memory;
  int threads = 1;
  std::size_t chunk_bytes = 1;  // of chunks, and at most of the pieces in which bytes are fed
  std::string level;            // the kernels' instruction set
};

struct FuzzSlice {
  View view;
  std::vector<std::byte> items;  // the same items side by side
};

struct FuzzCase {
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;  // the slices are views of these
  std::vector<FuzzSlice> slices;
  ScanOptions options;
  Manner one;
  Manner other;
};

FuzzCase fuzz_case(const std::uint8_t* data, std::size_t size);

}  // namespace weightgauge::testing
