#include "core/scan/row_sizing.hpp"

#include <algorithm>

#include "core/two_way/sums.hpp"

namespace weightgauge {

namespace {

// A part reads about so many elements.
constexpr std::uint64_t part_elements = std::uint64_t{1} << 18;

std::uint64_t width_of(const Slice& slice, std::uint64_t wanted) {
  const std::uint64_t unit = column_unit(slice.view);
  return std::min(slice.layout.columns, (wanted + unit - 1) / unit * unit);
}

}  // namespace

RowSizing::RowSizing(const Slice& slice, SizeOf size_of, std::uint64_t wanted)
    : sizes(slice.layout.rows),
      slice_(slice),
      size_of_(size_of),
      width_(width_of(slice, wanted)),
      in_part_(std::max<std::uint64_t>(part_elements / width_, 1)) {}

std::uint64_t RowSizing::parts() const {
  return std::max<std::uint64_t>((sizes.size() + in_part_ - 1) / in_part_, 1);
}

std::pair<std::uint64_t, std::uint64_t> RowSizing::rows_of(std::uint64_t part) const {
  return {part * in_part_, std::min<std::uint64_t>((part + 1) * in_part_, sizes.size())};
}

void RowSizing::size_anew(std::uint64_t row, std::uint64_t wanted, Workspace& workspace) {
  row_sizes(slice_.source, slice_.view, slice_.layout, size_of_, width_of(slice_, wanted), row,
            row + 1, workspace.buffer, &sizes[row]);
}

void RowSizing::run_part(std::uint64_t part, Workspace& workspace) {
  const auto [first, last] = rows_of(part);
  row_sizes(slice_.source, slice_.view, slice_.layout, size_of_, width_, first, last,
            workspace.buffer, sizes.data() + first);
}

}  // namespace weightgauge
