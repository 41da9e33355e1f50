#include "core/scan/unused_rows.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/fit/weibull.hpp"
#include "core/io/decoding.hpp"
#include "core/io/stretches.hpp"
#include "core/two_way/row_sizes.hpp"
#include "core/two_way/unused_rows.hpp"

namespace weightgauge {

namespace {

// A part of a phase reads about so many elements.
constexpr std::uint64_t part_elements = std::uint64_t{1} << 18;

std::uint64_t rows_in_part(std::uint64_t elements) {
  return std::max<std::uint64_t>(part_elements / elements, 1);
}

std::uint64_t parts_of(std::uint64_t rows, std::uint64_t in_part) {
  return std::max<std::uint64_t>((rows + in_part - 1) / in_part, 1);
}

}  // namespace

FindingUnusedRows::FindingUnusedRows(const Slice& slice, Histogram counted)
    : slice_(slice), counted_(std::move(counted)), rows_(slice, root_mean_square, row_size_width) {}

void FindingUnusedRows::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  rows_.run_part(part, workspace);
  if (rows_.width() < slice_.layout.columns) {
    const auto [first, last] = rows_.rows_of(part);
    for (std::uint64_t row = first; row < last; ++row) {
      if (rows_.sizes[row] == 0) {
        look_at_all_of(row, workspace);
      }
    }
  }
}

void FindingUnusedRows::look_at_all_of(std::uint64_t row, Workspace& workspace) {
  double size = 0;
  row_sizes(slice_.source, slice_.view, slice_.layout, root_mean_square, slice_.layout.columns, row,
            row + 1, workspace.buffer, &size);
  if (size != 0) {  // it begins with zeros, and what it would be beside the others is not known
    rows_.sizes[row] = std::numeric_limits<double>::quiet_NaN();
  }
}

std::unique_ptr<Phase> FindingUnusedRows::finish(Workspace& /*workspace*/,
                                                 const Control& /*control*/) {
  std::vector<std::uint64_t> rows = unused_rows(rows_.sizes, rows_.width());
  if (rows.size() == rows_.sizes.size()) {
    rows.clear();  // all are the exception to nothing
  }
  slice_.result.unused.rows = static_cast<std::int64_t>(rows.size());
  if (rows.empty()) {
    return nullptr;
  }
  return std::make_unique<CountingUnusedRows>(slice_, std::move(counted_), std::move(rows));
}

CountingUnusedRows::CountingUnusedRows(const Slice& slice, Histogram counted,
                                       std::vector<std::uint64_t> rows)
    : slice_(slice),
      counted_(std::move(counted)),
      rows_(std::move(rows)),
      method_(is_wide(slice.view.dtype) ? Method::bins : Method::codes),
      part_rows_(rows_in_part(slice.layout.columns)),
      counts_(slice, method_) {}

std::uint64_t CountingUnusedRows::parts() const { return parts_of(rows_.size(), part_rows_); }

std::uint64_t CountingUnusedRows::items_in_row() const {
  return slice_.view.items() / slice_.layout.rows;
}

void CountingUnusedRows::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  if (method_ == Method::bins) {
    workspace.sort.release();  // there is memory for counting or for sorting
  }
  CountingTable& table = workspace.table(0);
  const std::uint64_t in_row = items_in_row();
  const std::uint64_t last = std::min<std::uint64_t>((part + 1) * part_rows_, rows_.size());
  for (std::uint64_t i = part * part_rows_; i < last; ++i) {
    for_each_stretch(slice_.source, slice_.view, rows_[i] * in_row, (rows_[i] + 1) * in_row,
                     workspace.buffer, [&](const std::byte* packed, std::size_t n) {
                       table.count(method_, slice_.view.dtype, packed, n, nullptr);
                     });
  }
}

void CountingUnusedRows::hand_over(std::size_t table, Workspace& workspace) {
  counts_.harvest(workspace.table(table), workspace.harvest);
}

std::unique_ptr<Phase> CountingUnusedRows::finish(Workspace& workspace,
                                                  const Control& /*control*/) {
  if (counts_.out_of_reach() == 0) {  // else some magnitudes are in no bin
    take_away(counted_, counts_.take_histogram());
    const Fit line = line_of_histogram(counted_, counted_.n(), slice_.options.trim,
                                       slice_.options.zeros, workspace.fit);
    slice_.result.unused.k_of_others = line.k;
  }
  return nullptr;
}

bool asks_for_unused_rows(const Slice& slice) {
  return slice.layout.rows_are_tokens && slice.options.unused_rows &&
         slice.options.paper == nullptr && slice.layout.rows >= fewest_token_rows;
}

std::unique_ptr<Phase> look_for_unused_rows(const Slice& slice, Histogram counted) {
  return std::make_unique<FindingUnusedRows>(slice, std::move(counted));
}

}  // namespace weightgauge
