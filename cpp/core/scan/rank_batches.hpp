// The phase that finds exact quantiles of a slice counted in bins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/exact/batch.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Only the bins that hold a wanted rank are sorted. A part is a group of them, found in one pass.
class RankBatches final : public Phase {
 public:
  RankBatches(const Slice& slice, Histogram counted, int workers);
  std::uint64_t parts() const override { return group_ends_.size(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  Histogram counted_;
  std::vector<std::uint64_t> ranks_;
  std::vector<Batch> batches_;
  std::vector<std::size_t> group_ends_;
  std::vector<std::vector<double>> magnitudes_;  // found by each part, at its ranks
};

}  // namespace weightgauge
