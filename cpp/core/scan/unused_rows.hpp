// The phases that fit an embedding or head once more, without the rows that no token used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/histogram/histogram.hpp"
#include "core/scan/phase.hpp"
#include "core/scan/row_sizing.hpp"
#include "core/scan/slice.hpp"
#include "core/scan/slice_counts.hpp"

namespace weightgauge {

// Finds these rows by their sizes.
class FindingUnusedRows final : public Phase {
 public:
  // `counted` are the counts of the whole slice.
  FindingUnusedRows(const Slice& slice, Histogram counted);
  std::uint64_t parts() const override { return rows_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  // Of a row whose first elements are zero.
  void look_at_all_of(std::uint64_t row, Workspace& workspace);

  Slice slice_;
  Histogram counted_;
  RowSizing rows_;
};

// Counts these rows alone: without their counts those of the whole are those of the other rows.
class CountingUnusedRows final : public Phase {
 public:
  CountingUnusedRows(const Slice& slice, Histogram counted, std::vector<std::uint64_t> rows);
  std::uint64_t parts() const override;
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  void hand_over(std::size_t table, Workspace& workspace) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  std::uint64_t items_in_row() const;

  Slice slice_;
  Histogram counted_;
  std::vector<std::uint64_t> rows_;
  Method method_;
  std::uint64_t part_rows_;
  SliceCounts counts_;
};

// The phase that looks for such rows in a slice that has been fitted; null where its rows are not
// those of tokens.
std::unique_ptr<Phase> look_for_unused_rows(const Slice& slice, Histogram counted);

// Whether that will be asked for.
bool asks_for_unused_rows(const Slice& slice);

}  // namespace weightgauge
