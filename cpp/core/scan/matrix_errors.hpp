// The phase that looks at a matrix once more, for errors that know of its rows and columns.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "core/scan/phase.hpp"
#include "core/scan/slice.hpp"
#include "core/two_way/magnitude_table.hpp"

namespace weightgauge {

// Looks at some rows and columns of a slice that has been fitted, or at all.
class MatrixErrors final : public Phase {
 public:
  // `counted` are the counts of the slice where rows that were never used are to be looked for;
  // `large_lines` says whether those far larger than others are.
  MatrixErrors(const Slice& slice, MagnitudeTable table, std::optional<Histogram> counted,
               bool large_lines);
  bool needs_all() const override;
  bool is_short() const override { return sums_.size() == 1; }
  std::uint64_t parts() const override { return sums_.size(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  MagnitudeTable table_;
  std::optional<Histogram> counted_;
  bool large_lines_;
  Sample sample_;
  std::size_t part_rows_;
  std::vector<TwoWaySums> sums_;
};

// The sample that the phase looks at; none where it will not be asked for, or takes all.
std::optional<Sample> sample_for_errors(const Slice& slice);

// The phase that follows a fit from this plot; null where errors for matrices are not asked for or
// the slice is none: it has no rows, or one row or one column. The workspace has the influences.
std::unique_ptr<Phase> matrix_errors(const Slice& slice, const Histogram& histogram,
                                     const Plot& plot, Workspace& workspace);

}  // namespace weightgauge
