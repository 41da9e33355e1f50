// Slices that lie between each other, read in one pass: the heads that share the rows of an
// attention output, or gate and up that alternate element by element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/scan/slice.hpp"
#include "core/scan/slice_job.hpp"

namespace weightgauge {

// Read one after the other, such slices would each fetch the cache lines, or touch the pages, of
// all of them. Together every stretch of memory is read once: rows by the block, which stays in the
// second-level cache while the slices are counted one after the other, each in a table of its own;
// alternating items in two tables at once.
class SharedRows {
 public:
  // What is used of their tables shares the second-level cache with the rows; and where data are
  // crowded each takes a megabyte more.
  static constexpr std::size_t most_slices = 16;

  // Jobs whose views differ in their offsets only, ascending.
  explicit SharedRows(std::vector<SliceJob*> jobs) : jobs_(std::move(jobs)) {}

  const std::vector<SliceJob*>& jobs() const { return jobs_; }
  // Does the same part of every job, each into its own table of the workspace.
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) const;

 private:
  std::vector<SliceJob*> jobs_;
};

// Which slices are to be read together: lists of indices in the order of their offsets. A slice
// that gains nothing from others is in none of them.
std::vector<std::vector<std::size_t>> sets_in_shared_rows(const std::vector<SliceSpec>& slices);

}  // namespace weightgauge
