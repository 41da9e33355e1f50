// Which items of a view lie in a range of bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/io/byte_ranges.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

struct Overlap {
  std::vector<View> blocks;              // the items that lie in the range as a whole
  std::vector<std::uint64_t> cut_items;  // first bytes of those that lie in it in part: two at most
};

// The view is one of a file: normalised, and no two of its items share a byte.
Overlap overlap_of(const View& view, ByteRange range);

}  // namespace weightgauge
