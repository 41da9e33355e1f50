// A slice of a scan: what is asked for, what is found, and what is known while it is worked on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/count/byte_notes.hpp"
#include "core/fit/weibull.hpp"
#include "core/histogram/histogram.hpp"
#include "core/histogram/summary.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/view.hpp"
#include "core/scan/options.hpp"
#include "core/two_way/large_lines.hpp"
#include "core/two_way/matrix_layout.hpp"
#include "core/two_way/variance.hpp"

namespace weightgauge {

// What is noted of a slice beside its counts.
enum class Noted : std::uint8_t {
  nothing,
  negatives,  // how many elements are negative: of a piece of a tensor, and of what is not stored
  tensor,     // of all of a tensor, whose bytes lie side by side, its digest and zeros as well
  digest,     // the digest and zeros of a tensor alone: nothing is counted
  pages,      // of a piece that fills pages of its tensor, what these add to the tensor's digest
};

struct SliceSpec {
  std::size_t source;  // index into the sources
  View view;
  Noted noted = Noted::negatives;
  std::uint64_t first_page = 0;  // of a piece whose pages are noted
  MatrixLayout layout = {};      // of a matrix
};

// Rows of an embedding or head that look as if no token had used them.
struct UnusedRows {
  std::int64_t rows = -1;  // -1 where they were not looked for
  double k_of_others = std::numeric_limits<double>::quiet_NaN();
};

// No weight of a sound matrix is so many times lambda.
constexpr double far_out_from = 4096;

struct SliceResult {
  explicit SliceResult(DType dtype) : histogram(dtype) {}
  Histogram histogram;  // entries only where keep_histogram is set; the totals always
  std::uint64_t n = 0;
  double rms = 0;  // of all finite elements, zeros included; NaN where there is none
  double max = 0;  // largest finite magnitude; NaN where there is none
  EndLevels ends;
  Fit fit;
  std::uint64_t far_out = 0;  // elements above `far_out_from` times lambda
  bool exact = true;  // the fit is that of the sorted magnitudes, nothing having been binned
  std::vector<double> quantiles;  // in the order of the probabilities; NaN where n is 0
  ByteNotes notes;
  std::optional<std::uint64_t> digest;
  MatrixNumbers matrix;
  UnusedRows unused;
  LargeLines large;
};

// What every phase of the work on a slice knows. All of it outlives the work.
struct Slice {
  const ByteSource& source;
  const View& view;
  const ScanOptions& options;
  SliceResult& result;
  Noted noted;
  std::uint64_t first_page = 0;
  MatrixLayout layout = {};
};

inline bool notes_pages(Noted noted) {
  return noted == Noted::tensor || noted == Noted::digest || noted == Noted::pages;
}

// The items of a slice in parts that any worker may count.
struct Chunks {
  std::uint64_t items = 0;
  std::uint64_t chunk_items = 1;

  std::uint64_t parts() const {
    return std::max<std::uint64_t>((items + chunk_items - 1) / chunk_items, 1);
  }
  // From the first item of a part up to the second.
  std::pair<std::uint64_t, std::uint64_t> items_of(std::uint64_t part) const {
    const std::uint64_t first = part * chunk_items;
    return {first, std::min(items, first + chunk_items)};
  }
};

// Adds items that have been counted for the first time to what the caller sees.
inline void note_progress(const View& view, std::uint64_t items, Control& control) {
  control.bytes_done.fetch_add(view.stored_bytes(items), std::memory_order_relaxed);
}

}  // namespace weightgauge
