// A stage of the work on one slice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/base/parallel.hpp"
#include "core/scan/workspace.hpp"

namespace weightgauge {

// A phase has parts, which any workers do at the same time and in any order. The worker that
// completes the last part finishes the phase, and so decides what follows.
class Phase {
 public:
  Phase() = default;
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;
  virtual ~Phase() = default;

  // Whether it may look at any item of the slice; otherwise only at those of its sample.
  virtual bool needs_all() const { return true; }
  // Whether it is a single part that takes so little time that whoever completed the phase before
  // does it at once. Queued, it would interrupt the counting of another slice, whose counts would
  // have to be handed over and merged.
  virtual bool is_short() const { return false; }
  virtual std::uint64_t parts() const = 0;
  // Does one part. Counts may stay in the workspace's first table until they are handed over.
  virtual void run_part(std::uint64_t part, Workspace& workspace, Control& control) = 0;
  // Takes what one of the workspace's tables has counted in this phase.
  virtual void hand_over(std::size_t /*table*/, Workspace& /*workspace*/) {}
  // After all parts were done and handed over: the phase that follows, or null where the slice's
  // result is complete.
  virtual std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) = 0;
};

}  // namespace weightgauge
