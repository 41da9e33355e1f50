#include "core/scan/slice_job.hpp"

#include <algorithm>

#include "core/io/decoding.hpp"
#include "core/scan/counting.hpp"
#include "core/scan/digesting.hpp"

namespace weightgauge {

namespace {

// Codes that are counted by scale and multiple take an eighth of the bytes of their values.
constexpr std::uint64_t multiples_at_a_time = 8;

Chunks chunks_of(const Slice& slice, std::uint64_t chunk_bytes) {
  const View& view = slice.view;
  std::uint64_t chunk_items = std::max<std::uint64_t>(chunk_bytes / item_bytes(view.dtype), 1);
  std::uint64_t unit = 1;
  if (first_method(view) == Method::multiples) {
    chunk_items *= multiples_at_a_time;
    unit = view.decoding->items_together();
  } else if (view.decoding != nullptr) {  // chunks begin and end between stored items
    unit = view.decoding->values_per_item();
  }
  if (notes_pages(slice.noted)) {  // or between pages
    unit *= page_bytes / view.stored_item_bytes();
  }
  chunk_items = (chunk_items + unit - 1) / unit * unit;
  return {view.items(), chunk_items};
}

std::unique_ptr<Phase> first_phase(const Slice& slice, const Chunks& chunks) {
  if (slice.noted == Noted::digest) {
    return std::make_unique<Digesting>(slice, chunks);
  }
  const Method method = first_method(slice.view);
  if (method == Method::sorted) {
    return std::make_unique<SortingWhole>(slice);
  }
  return std::make_unique<Counting>(slice, method, chunks);
}

}  // namespace

SliceJob::SliceJob(const Slice& slice, std::uint64_t chunk_bytes)
    : slice_(slice),
      chunks_(chunks_of(slice, chunk_bytes)),
      phase_(first_phase(slice_, chunks_)),
      pending_(phase_->parts()) {}

SliceJob::Progress SliceJob::flush(std::uint64_t done, std::size_t table, Workspace& workspace,
                                   const Control& control) {
  phase_->hand_over(table, workspace);
  if (pending_.fetch_sub(done, std::memory_order_acq_rel) != done) {
    return Progress::going_on;
  }
  phase_ = phase_->finish(workspace, control);
  if (phase_ == nullptr) {
    return Progress::finished;
  }
  pending_.store(phase_->parts());
  return Progress::next_phase;
}

}  // namespace weightgauge
