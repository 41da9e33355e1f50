// The phase that finds out whether the bins of a slice have a single magnitude each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/count/counting_table.hpp"
#include "core/scan/counted_slice.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Whether so few bins of a wide format hold anything that they may be the levels of a grid.
bool may_be_levels(const Histogram& histogram);

// Weights on a grid, such as those of a model that was rounded to a few values, fill few bins, and
// each of these has but one magnitude. A second pass, which compares and stores nothing, finds it:
// then the counts are exact, where sorting as many equal keys would take much longer than counting.
// As soon as two magnitudes share a bin the slice is sorted after all.
class FindingLevels final : public Phase {
 public:
  FindingLevels(const Slice& slice, Method method, CountedSlice counted);
  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  template <class Key>
  bool are_levels(const std::byte* packed, std::size_t n);
  bool is_level(std::uint64_t key);

  Slice slice_;
  Method method_;
  CountedSlice counted_;
  Chunks chunks_;
  std::uint64_t first_bin_;
  std::vector<std::uint16_t> places_;             // of bins from the first on, plus one; 0 if empty
  std::vector<std::atomic<std::uint64_t>> keys_;  // of the magnitudes found; 0 until one is
  std::atomic<bool> several_{false};              // in a bin, or of none
};

}  // namespace weightgauge
