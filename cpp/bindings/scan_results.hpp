// The results of a scan as Python takes them over: a table of numbers with one row for each slice.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/scan/scan.hpp"

namespace weightgauge::bindings {

// The numbers of one slice. The fields are the columns of the table that Python sees.
struct SliceNumbers {
  double k;
  double k_se;
  double lam;
  double ln_lambda_se;
  double r2;
  double ks;
  double rms;
  double max;
  std::uint64_t n;
  std::uint64_t zeros;
  std::uint64_t nonfinite;
  std::uint8_t status;  // a FitStatus
  bool exact;
  std::uint64_t negatives;
  std::uint64_t zero_blocks;
  std::uint64_t levels;
  std::uint64_t at_max;
  double second;
  double lowest;
  std::uint64_t digest;  // or what the pages of a piece add to that of their tensor
  bool digested;         // whether there is a digest
  double k_se_matrix;
  double ln_lambda_se_matrix;
  std::uint8_t errors_basis;  // an ErrorsBasis
  double fresh_z;
  double spread_rows;
  double spread_columns;
  double spread_core;
  std::uint64_t zero_rows;
  std::uint64_t zero_columns;
  std::int64_t unused_rows;  // -1 where they were not looked for
  double k_without_unused;
  std::uint64_t far_out;
  std::uint64_t row_levels;  // 0 where there is no grid
  std::int64_t large_rows;   // -1 where they were not looked for
  std::int64_t large_columns;
};

// Making Python objects for tens of thousands of slices would take longer than counting them. So
// all numbers are passed in one array, and the counts of a slice only when they are asked for.
class ScanResults {
 public:
  explicit ScanResults(std::vector<SliceResult> slices) : slices_(std::move(slices)) {}
  std::size_t size() const { return slices_.size(); }
  pybind11::array_t<SliceNumbers> numbers() const;
  // Throws std::out_of_range if there is no such slice.
  std::vector<double> quantiles(std::size_t index) const { return slices_.at(index).quantiles; }
  // Gives the counts of one slice away, so that who keeps them does not keep those of all slices.
  Histogram take_histogram(std::size_t index) { return std::move(slices_.at(index).histogram); }

 private:
  std::vector<SliceResult> slices_;
};

}  // namespace weightgauge::bindings
