// The arrays that a short input of the fuzzer stands for. Bytes of a fuzzer are few, and arrays
// that are counted in bins are large: so the input chooses how an array is made, and some of its
// items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/scan/scan.hpp"

namespace weightgauge::testing {

// Decisions read from an input, byte by byte. After the end every one of them is 0.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
  std::uint64_t bits(int count);           // 8, 16, ... 64
  std::size_t below(std::size_t options);  // of up to 256 options one
  std::vector<std::byte> rest() const;

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// Where the bytes are, or how they come.
enum class Place : std::uint8_t { memory, mapping, reads, fed };

// All that a result must not depend on.
struct Manner {
  Place place = Place::memory;
  int threads = 1;
  std::size_t chunk_bytes = 1;  // also of the pieces in which bytes are fed, at most
  std::string level;            // of the kernels
};

struct FuzzSlice {
  View view;
  std::vector<std::byte> items;  // the same items side by side
};

struct FuzzCase {
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;  // what the slices are views of
  std::vector<FuzzSlice> slices;
  ScanOptions options;
  Manner one;
  Manner other;
};

FuzzCase fuzz_case(const std::uint8_t* data, std::size_t size);

}  // namespace weightgauge::testing
