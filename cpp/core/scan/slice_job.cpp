#include "core/scan/slice_job.hpp"

#include "core/scan/counting.hpp"
#include "core/scan/digesting.hpp"

namespace weightgauge {

namespace {

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
