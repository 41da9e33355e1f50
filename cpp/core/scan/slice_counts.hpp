// What has been counted of one slice, by however many workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/count/counting_table.hpp"
#include "core/count/paper_bins.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Items are counted in any order, each worker having a table of its own: CountingTable::count()
// with the slice's method. Now and then a table is harvested into these counts.
class SliceCounts {
 public:
  SliceCounts(const Slice& slice, Method method);

  // Adds all that a table has counted since its last harvest. Several workers may call it: each
  // merges its histogram with one that waits until it finds none, and leaves what it has. So they
  // merge side by side, and nobody waits for another.
  void harvest(CountingTable& table, HarvestSpace& space);

  // Once all calls of harvest() have returned, of which there was one at least.
  Histogram take_histogram() { return std::move(*histogram_); }
  // Of the published protocol's bins; empty where they were not counted.
  PaperCounts take_paper() { return std::move(paper_); }
  // Adds what was noted apart from counting. Several workers may call it.
  void add_notes(const ByteNotes& notes);
  const ByteNotes& notes() const { return notes_; }
  // Magnitudes of F64 that no bin is for.
  std::uint64_t out_of_reach() const { return out_of_reach_; }

 private:
  // Leaves a histogram for others, or takes the one that another has left.
  std::optional<Histogram> leave_or_take(Histogram& part);

  DType dtype_;
  Method method_;
  std::size_t most_bins_;
  std::mutex mutex_;
  std::optional<Histogram> histogram_;  // that waits for another
  PaperCounts paper_;
  ByteNotes notes_;
  std::uint64_t out_of_reach_ = 0;
};

}  // namespace weightgauge
