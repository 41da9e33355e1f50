#include "core/scan/large_lines.hpp"

#include <vector>

#include "core/two_way/large_lines.hpp"

namespace weightgauge {

FindingLargeLines::FindingLargeLines(const Slice& slice)
    : slice_(slice),
      wanted_(weights_of_line(to_double(slice.result.n) /
                              to_double(slice.result.n + slice.result.histogram.zeros))),
      rows_(slice, geometric_mean, at_first_sight(wanted_)) {}

void FindingLargeLines::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  rows_.run_part(part, workspace);
}

std::unique_ptr<Phase> FindingLargeLines::finish(Workspace& workspace, const Control& /*control*/) {
  std::vector<std::uint64_t> rows = lines_to_look_at_again(rows_.sizes);
  for (const std::uint64_t row : rows) {
    rows_.size_anew(row, wanted_, workspace);
  }
  if (!rows.empty()) {
    rows = large_lines(rows_.sizes);
  }
  const auto sizes_of_columns = [&](std::uint64_t wanted) {
    return column_sizes(slice_.source, slice_.view, slice_.layout, rows, wanted, workspace.buffer);
  };
  std::vector<std::uint64_t> columns =
      lines_to_look_at_again(sizes_of_columns(at_first_sight(wanted_)));
  if (!columns.empty()) {
    columns = large_lines(sizes_of_columns(wanted_));
  }
  LargeLines& found = slice_.result.large;
  found.rows = static_cast<std::int64_t>(rows.size());
  found.columns = static_cast<std::int64_t>(columns.size());
  return nullptr;
}

}  // namespace weightgauge
