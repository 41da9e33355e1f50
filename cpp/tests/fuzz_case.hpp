// Makes arrays from short inputs of a fuzzer. Only large arrays are counted in bins, and a fuzzer's
// inputs are small. So an input does not hold an array: it chooses how the array is made, and some
// of its items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fuzz_choices.hpp"
#include "fuzz_manner.hpp"

namespace weightgauge::testing {

struct FuzzSlice {
  View view;
  std::vector<std::byte> items;  // the same items side by side
  Noted noted = Noted::negatives;
};

struct FuzzCase {
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;  // the slices are views of these
  std::vector<FuzzSlice> slices;
  MatrixLayout matrix;  // of each slice
  ScanOptions options;
  Manner one;
  Manner other;
  bool cut = false;  // whether a file with these bytes loses its end once it is open
};

FuzzCase fuzz_case(const std::uint8_t* data, std::size_t size);

// Options for fits, histograms or quantiles, by either protocol.
ScanOptions options_from(Choices& choices);

}  // namespace weightgauge::testing
