// The phase that looks for rows and columns that are far larger than the others of their matrix.
#pragma once

#include <cstdint>
#include <memory>

#include "core/scan/phase.hpp"
#include "core/scan/row_sizing.hpp"
#include "core/scan/slice.hpp"

namespace weightgauge {

// Of a slice that has been fitted, and has so many large weights that there may be such lines.
class FindingLargeLines final : public Phase {
 public:
  explicit FindingLargeLines(const Slice& slice);
  std::uint64_t parts() const override { return rows_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  Slice slice_;
  std::uint64_t wanted_;  // weights of a line
  RowSizing rows_;
};

}  // namespace weightgauge
