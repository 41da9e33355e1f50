#include "core/io/byte_ranges.hpp"

#include <algorithm>
#include <iterator>

namespace weightgauge {

ByteRanges::Ends::const_iterator ByteRanges::after(std::uint64_t byte) const {
  auto next = ends_.upper_bound(byte);
  if (next != ends_.begin() && std::prev(next)->second > byte) {
    --next;
  }
  return next;
}

void ByteRanges::add(ByteRange range) {
  if (range.begin >= range.end) {
    return;
  }
  // Ranges that touch the new one are merged with it.
  auto next = ends_.lower_bound(range.begin);
  if (next != ends_.begin() && std::prev(next)->second >= range.begin) {
    --next;
    range.begin = next->first;
  }
  while (next != ends_.end() && next->first <= range.end) {
    range.end = std::max(range.end, next->second);
    next = ends_.erase(next);
  }
  ends_.emplace_hint(next, range.begin, range.end);
}

void ByteRanges::remove(ByteRange range) {
  for (const ByteRange part : inside(range)) {
    const auto around = std::prev(ends_.upper_bound(part.begin));
    const ByteRange whole{around->first, around->second};
    ends_.erase(around);
    if (whole.begin < part.begin) {
      ends_.emplace(whole.begin, part.begin);
    }
    if (part.end < whole.end) {
      ends_.emplace(part.end, whole.end);
    }
  }
}

std::vector<ByteRange> ByteRanges::inside(ByteRange range) const {
  std::vector<ByteRange> parts;
  if (range.begin >= range.end) {
    return parts;
  }
  for (auto next = after(range.begin); next != ends_.end() && next->first < range.end; ++next) {
    parts.push_back({std::max(next->first, range.begin), std::min(next->second, range.end)});
  }
  return parts;
}

std::vector<ByteRange> ByteRanges::all() const {
  std::vector<ByteRange> ranges;
  ranges.reserve(ends_.size());
  for (const auto& [begin, end] : ends_) {
    ranges.push_back({begin, end});
  }
  return ranges;
}

}  // namespace weightgauge
