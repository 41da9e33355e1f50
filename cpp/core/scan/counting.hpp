// The phases that read a slice from its first item to its last and count magnitudes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"
#include "core/scan/slice_counts.hpp"

namespace weightgauge {

// How the items of such a slice are counted first.
Method first_method(const View& view);

// How such a slice is cut into parts: about so many bytes each, between stored items and pages.
Chunks chunks_of(const Slice& slice, std::uint64_t chunk_bytes);

// What is noted of a slice's items while they are counted; the page is still to be named.
Noting noting_of(const Slice& slice);

// Items are counted one by one or in bins, chunk by chunk. Where F64 magnitudes lie beyond the
// bins, CountingLeadingBits follows.
class Counting final : public Phase {
 public:
  Counting(const Slice& slice, Method method, const Chunks& chunks);
  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  void hand_over(std::size_t table, Workspace& workspace) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;
  // As SliceCounts::add_notes().
  void add_notes(const ByteNotes& notes) { counts_.add_notes(notes); }

 private:
  Slice slice_;
  Method method_;
  Chunks chunks_;
  SliceCounts counts_;
};

// The same items once more, by their leading bits: coarse counts from which batches are planned.
class CountingLeadingBits final : public Phase {
 public:
  CountingLeadingBits(const Slice& slice, const Chunks& chunks);
  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  void hand_over(std::size_t table, Workspace& workspace) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  Chunks chunks_;
  SliceCounts counts_;
};

// A slice of few F32 or F64 elements, sorted at once in a single part.
class SortingWhole final : public Phase {
 public:
  explicit SortingWhole(const Slice& slice) : slice_(slice) {}
  std::uint64_t parts() const override { return 1; }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  std::optional<Histogram> counted_;
  ByteNotes notes_;
};

}  // namespace weightgauge
