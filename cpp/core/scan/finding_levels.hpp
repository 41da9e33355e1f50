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

// Whether every bin of a wide format may have a single magnitude: there are not too many bins, and
// the sum of each can be divided among its elements.
bool may_be_levels(const Histogram& histogram);

// Weights on a grid, such as those of a model that was rounded to a few values or was 16 bits wide
// before all were scaled, fill few bins, and each of these has but one magnitude. A bin of F32
// tells which, by its sum; one of F64 does not, because its lowest bits are not summed. A second
// pass, which compares and stores nothing, makes sure or finds it: then the counts are exact, where
// sorting as many equal keys would take much longer than counting.
// As soon as two magnitudes share a bin the slice is counted by magnitude, or sorted, after all.
class FindingLevels final : public Phase {
 public:
  FindingLevels(const Slice& slice, Method method, CountedSlice counted);
  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  bool all_are_levels(const std::byte* packed, std::size_t n);
  bool are_few_levels(const std::byte* packed, std::size_t n) const;
  template <class Key>
  bool are_levels(const std::byte* packed, std::size_t n);
  bool is_level(std::uint64_t key);
  const std::atomic<std::uint64_t>& level_of(std::uint64_t bin) const {
    return levels_[(bin >> gap_) - first_place_];
  }
  std::atomic<std::uint64_t>& level_of(std::uint64_t bin) {
    return levels_[(bin >> gap_) - first_place_];
  }

  Slice slice_;
  Method method_;
  CountedSlice counted_;
  Chunks chunks_;
  int gap_;  // 2^gap_ bins that follow each other have one level at most, and a place together
  std::uint64_t first_place_;
  // Keys, by places from the first one on; the last stands for all others, and has that of zeros.
  std::vector<std::atomic<std::uint64_t>> levels_;
  std::atomic<bool> several_{false};  // in a bin, or of none

  static constexpr std::uint64_t unknown = 0;
  static constexpr std::uint64_t no_level = ~std::uint64_t{0};  // of a place without elements
};

}  // namespace weightgauge
