// One slice on its way through its phases.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// A slice is counted in chunks (or, if it is small and wide, sorted at once). It is counted once
// more by leading bits where magnitudes lie beyond the bins of F64. Where counts are not enough, or
// fill too many bins, it is then sorted batch by batch; and once more with greater care where that
// was not exact.
class SliceJob {
 public:
  SliceJob(const Slice& slice, std::uint64_t chunk_bytes);

  const ByteSource& source() const { return slice_.source; }
  const View& view() const { return slice_.view; }
  // Of the phase that the slice is in.
  std::uint64_t parts() const { return phase_->parts(); }
  bool is_short() const { return phase_->is_short(); }
  // Items that a part of the first phase covers: from the first up to the second.
  std::pair<std::uint64_t, std::uint64_t> items_of(std::uint64_t part) const {
    return chunks_.items_of(part);
  }

  // Does one part. Counts stay in the workspace's first table until flush().
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) {
    phase_->run_part(part, workspace, control);
  }
  enum class Progress : std::uint8_t {
    going_on,
    next_phase,  // the last phase is over and parts() new parts are ready to run
    finished,
  };
  // Says that `done` parts have been done, whose counts are in one of the workspace's tables.
  Progress flush(std::uint64_t done, std::size_t table, Workspace& workspace,
                 const Control& control);

 private:
  Slice slice_;
  Chunks chunks_;
  std::unique_ptr<Phase> phase_;
  std::atomic<std::uint64_t> pending_;
};

}  // namespace weightgauge
