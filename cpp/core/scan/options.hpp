// What is wanted of a scan.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/count/paper_bins.hpp"
#include "core/fit/window.hpp"

namespace weightgauge {

// For what the standard errors hold.
enum class ErrorsFor : std::uint8_t {
  independent,  // elements that are independent of each other: from the counts alone
  sample,       // those of matrices too, from a sample of rows and columns
  matrix,       // the same from all rows and columns
};

// Whether large slices of mapped files are read piece by piece, and their pages not mapped.
enum class Reading : std::uint8_t {
  tried,  // whichever is faster, of files of which much is wanted
  never,
  always,  // also small slices
};

struct ScanOptions {
  Trim trim = Trim::mid_80;
  Zeros zeros = Zeros::exclude;
  // Bins of the published protocol; null for the order-statistics protocol.
  std::shared_ptr<const PaperBins> paper;
  bool exact = false;  // F32 and F64 within 1e-12 rather than 1e-8 of the exact fit
  bool fit = true;
  bool keep_histogram = false;
  ErrorsFor errors = ErrorsFor::independent;
  bool unused_rows = true;            // whether rows that no token used are looked for
  std::vector<double> probabilities;  // of quantiles wanted, each in [0, 1]
  Reading reading = Reading::tried;
  int threads = 1;
  std::size_t chunk_bytes = std::size_t{1} << 20;
  // So many slices are in work at a time; what they need for it is made and given back with them.
  std::size_t slices_in_round = std::size_t{1} << 16;
};

// F32 and F64 of up to this many elements are sorted, and so always exact.
constexpr std::uint64_t sorted_limit = std::uint64_t{1} << 17;

// The default on F32 and F64 keeps k, lambda and R2 within this relative distance of the exact fit,
// by a bound proven from the bins; a slice whose bound is larger is fitted exactly. KS likewise.
constexpr double fit_tolerance = 1e-8;
constexpr double ks_tolerance = 2e-4;

}  // namespace weightgauge
