// Whole checkpoints: every slice counted and fitted in one parallel pass.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/fit/paper.hpp"
#include "core/fit/weibull.hpp"
#include "core/histogram/histogram.hpp"
#include "core/io/source.hpp"

namespace weightgauge {

struct SliceSpec {
  std::size_t source;  // index into the sources
  View view;
};

struct ScanOptions {
  Trim trim = Trim::mid_80;
  // Bins of the published protocol; null for the order-statistics protocol.
  std::shared_ptr<const PaperBins> paper;
  bool exact = false;  // F32 and F64 within 1e-12 rather than 1e-8 of the exact fit
  bool fit = true;
  bool keep_histogram = false;
  std::vector<double> probabilities;  // of quantiles wanted, each in [0, 1]
  int threads = 1;
  std::size_t chunk_bytes = std::size_t{1} << 20;
};

struct SliceResult {
  explicit SliceResult(DType dtype) : histogram(dtype) {}
  Histogram histogram;  // entries only where keep_histogram is set; the totals always
  std::uint64_t n = 0;
  double rms = 0;  // of all finite elements, zeros included; NaN where there is none
  double max = 0;  // largest finite magnitude; NaN where there is none
  Fit fit;
  bool exact = true;  // the fit is that of the sorted magnitudes, nothing having been binned
  std::vector<double> quantiles;  // in the order of the probabilities; NaN where n is 0
};

// F32 and F64 of up to this many elements are sorted, and so always exact.
constexpr std::uint64_t sorted_limit = std::uint64_t{1} << 17;

// The default on F32 and F64 keeps k, lambda and R2 within this relative distance of the exact fit,
// by a bound proven from the bins; a slice whose bound is larger is fitted exactly. KS likewise.
constexpr double fit_tolerance = 1e-8;
constexpr double ks_tolerance = 2e-4;

// Results come in the order of the slices and do not depend on threads or chunk size. `watch` is
// called by the calling thread while the workers run; whatever it throws ends the scan. Throws
// FileChanged, ReadFailed, Cancelled, std::bad_alloc.
std::vector<SliceResult> scan(const std::vector<std::unique_ptr<Source>>& sources,
                              const std::vector<SliceSpec>& slices, const ScanOptions& options,
                              Control& control, const std::function<void()>& watch);

}  // namespace weightgauge
