#include "core/scan/slice_counts.hpp"

#include <limits>
#include <utility>

namespace weightgauge {

SliceCounts::SliceCounts(const Slice& slice, Method method)
    : dtype_(slice.view.dtype),
      method_(method),
      most_bins_(slice.options.keep_histogram ? std::numeric_limits<std::size_t>::max()
                                              : most_bins_of_fit) {}

void SliceCounts::harvest(CountingTable& table, HarvestSpace& space) {
  const std::uint64_t out_of_reach = table.out_of_reach();
  Histogram part = table.harvest(method_, dtype_, most_bins_, space);
  const PaperCounts paper = table.harvest_paper();
  const ByteNotes notes = table.harvest_notes();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    out_of_reach_ += out_of_reach;
    notes_.add(notes);
    add_paper_counts(paper, paper_);
  }
  while (const std::optional<Histogram> other = leave_or_take(part)) {
    part = merged(*other, part);
    if (method_ == Method::bins && part.size() > most_bins_) {
      part = coarsened(part, binned_dropped_bits(dtype_) + widened_bits);
    }
  }
}

std::optional<Histogram> SliceCounts::leave_or_take(Histogram& part) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!histogram_) {
    histogram_ = std::move(part);
    return std::nullopt;
  }
  return std::exchange(histogram_, std::nullopt);
}

void SliceCounts::add_notes(const ByteNotes& notes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  notes_.add(notes);
}

}  // namespace weightgauge
