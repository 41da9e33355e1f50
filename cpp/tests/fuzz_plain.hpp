// What a scan must find, counted in the plainest way.
#pragma once

#include <cstdint>
#include <vector>

#include "core/scan/scan.hpp"

namespace weightgauge::testing {

// The elements of a slice, counted one by one; magnitudes in ascending order.
struct Plain {
  std::vector<double> magnitudes;
  std::uint64_t zeros = 0;
  std::uint64_t nans = 0;
  std::uint64_t infs = 0;
  std::uint64_t negatives = 0;

  void add(double value);
  void sort();
};

// Of packed items.
Plain plain(DType dtype, const std::vector<std::byte>& items);

// Checks everything that a scan finds of a slice but its errors and what is noted of its bytes. The
// first three quantiles, if any are wanted, are the median and both ends.
void check_result(const SliceResult& result, const Plain& expected, const ScanOptions& options);
// Checks that a fit from bins is as close to the exact fit as its bounds promise.
void check_tolerance(const Fit& fit, const Fit& exact);

}  // namespace weightgauge::testing
