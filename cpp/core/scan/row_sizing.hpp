// The size of every row of a slice, for phases that look for rows unlike the others.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "core/scan/slice.hpp"
#include "core/scan/workspace.hpp"
#include "core/two_way/row_sizes.hpp"

namespace weightgauge {

// Measures rows in parts, which any workers do.
class RowSizing {
 public:
  // Looks at about the first `wanted` elements of each row.
  RowSizing(const Slice& slice, SizeOf size_of, std::uint64_t wanted);
  // Elements of each row that are looked at: the first ones.
  std::uint64_t width() const { return width_; }
  std::uint64_t parts() const;
  // From the first row of a part up to the second.
  std::pair<std::uint64_t, std::uint64_t> rows_of(std::uint64_t part) const;
  void run_part(std::uint64_t part, Workspace& workspace);
  // Measures a row once more, by about so many of its first elements.
  void size_anew(std::uint64_t row, std::uint64_t wanted, Workspace& workspace);

  std::vector<double> sizes;  // of all rows

 private:
  Slice slice_;
  SizeOf size_of_;
  std::uint64_t width_;
  std::uint64_t in_part_;  // rows
};

}  // namespace weightgauge
