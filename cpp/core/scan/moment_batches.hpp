// The phases that fit a slice exactly, by sorting it batch by batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/exact/batch_moments.hpp"
#include "core/fit/hazen.hpp"
#include "core/scan/counted_slice.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// What both phases work from.
struct MomentPlan {
  CountedSlice counted;
  HazenSums sums;
  std::vector<Batch> batches;
  std::vector<std::size_t> group_ends;  // a part is a group of batches, found in one pass
  bool squares;                         // see BatchTask
  int wanted_bins;
  double extent;
};
MomentPlan plan_moments(const Slice& slice, Method method, CountedSlice counted, int workers);

// Moments are made bin by bin, by expansion around the means of the bins. Where that is not exact
// enough, CarefulBatches follows.
class QuickBatches final : public Phase {
 public:
  QuickBatches(const Slice& slice, MomentPlan plan);
  std::uint64_t parts() const override { return plan_.group_ends.size(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  MomentPlan plan_;
  AllMoments moments_;  // of each batch
};

// Moments are made magnitude by magnitude: for those that lie so close together, or are so small,
// that an expansion would show.
class CarefulBatches final : public Phase {
 public:
  CarefulBatches(const Slice& slice, MomentPlan plan);
  std::uint64_t parts() const override { return plan_.group_ends.size(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  MomentPlan plan_;
  AllMoments moments_;
};

}  // namespace weightgauge
