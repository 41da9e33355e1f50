// Which items of a view lie in a range of bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "core/io/byte_ranges.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

struct Overlap {
  std::vector<View> blocks;              // items of which all bytes are in the range
  std::vector<std::uint64_t> cut_items;  // first bytes of the items, two at most, that it cuts
};

// `view` must be normalised, and no two of its items may share a byte (see checked_view()).
Overlap overlap_of(const View& view, ByteRange range);

}  // namespace weightgauge
