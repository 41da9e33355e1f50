#include "core/scan/large_lines.hpp"

#include <vector>

#include "core/two_way/large_lines.hpp"

namespace weightgauge {

FindingLargeLines::FindingLargeLines(const Slice& slice)
    : slice_(slice),
      wanted_(weights_of_line(to_double(slice.result.n) /
                              to_double(slice.result.n + slice.result.histogram.zeros))),
      rows_(slice, geometric_mean, wanted_) {}

void FindingLargeLines::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  rows_.run_part(part, workspace);
}

std::unique_ptr<Phase> FindingLargeLines::finish(Workspace& workspace, const Control& /*control*/) {
  const std::vector<std::uint64_t> rows = large_lines(rows_.sizes);
  const std::vector<double> columns =
      column_sizes(slice_.source, slice_.view, slice_.layout, rows, wanted_, workspace.buffer);
  LargeLines& found = slice_.result.large;
  found.rows = static_cast<std::int64_t>(rows.size());
  found.columns = static_cast<std::int64_t>(large_lines(columns).size());
  return nullptr;
}

}  // namespace weightgauge
