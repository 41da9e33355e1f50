#include "core/io/overlap.hpp"

#include <algorithm>
#include <cstddef>

namespace weightgauge {

namespace {

// Walks down the dimensions. The parts of a dimension do not overlap. So of the parts that touch
// the range, only the first and the last can be cut by it, and only these two are walked further;
// all parts between them are in the range.
class Walk {
 public:
  Walk(const View& view, ByteRange range) : view_(view), range_(range) {
    spans_.assign(view.dims.size() + 1, view.stored_item_bytes());
    for (std::size_t d = view.dims.size(); d-- > 0;) {
      spans_[d] = spans_[d + 1] + (view.dims[d].extent - 1) * stride(d);
    }
  }

  // Visits the part of the view that begins at `base` and has the dimensions from the d-th on.
  void visit(std::size_t d, std::uint64_t base) {
    if (base >= range_.end || base + spans_[d] <= range_.begin) {
      return;
    }
    if (base >= range_.begin && base + spans_[d] <= range_.end) {
      add_block(d, base, 0, 0);
      return;
    }
    if (d == view_.dims.size()) {
      found_.cut_items.push_back(base);
      return;
    }
    const std::uint64_t inner = spans_[d + 1];
    const std::uint64_t begin = range_.begin > base ? range_.begin - base : 0;
    const std::uint64_t end = range_.end - base;
    // Parts first..last-1 touch the range; parts first_whole..last_whole-1 are wholly in it.
    const std::uint64_t first = begin >= inner ? (begin - inner) / stride(d) + 1 : 0;
    const std::uint64_t last = std::min(view_.dims[d].extent, (end - 1) / stride(d) + 1);
    const std::uint64_t first_whole = std::min(last, (begin + stride(d) - 1) / stride(d));
    const std::uint64_t last_whole =
        std::max(first_whole, std::min(last, end >= inner ? (end - inner) / stride(d) + 1 : 0));
    for (std::uint64_t i = first; i < first_whole; ++i) {
      visit(d + 1, base + i * stride(d));
    }
    if (first_whole < last_whole) {
      add_block(d + 1, base + first_whole * stride(d), last_whole - first_whole, stride(d));
    }
    for (std::uint64_t i = last_whole; i < last; ++i) {
      visit(d + 1, base + i * stride(d));
    }
  }

  Overlap take() { return std::move(found_); }

 private:
  std::uint64_t stride(std::size_t d) const {
    return static_cast<std::uint64_t>(view_.dims[d].stride);
  }

  // Adds a block of the dimensions from the d-th on, repeated `parts` times if that is not 0.
  void add_block(std::size_t d, std::uint64_t base, std::uint64_t parts, std::uint64_t apart) {
    View block;
    block.dtype = view_.dtype;
    block.decoding = view_.decoding;
    block.offset = base;
    if (parts > 0) {
      block.dims.push_back({parts, static_cast<std::int64_t>(apart)});
    }
    block.dims.insert(block.dims.end(), view_.dims.begin() + static_cast<std::ptrdiff_t>(d),
                      view_.dims.end());
    found_.blocks.push_back(std::move(block));
  }

  const View& view_;
  ByteRange range_;
  std::vector<std::uint64_t> spans_;  // [d]: bytes that dimensions d and following span
  Overlap found_;
};

}  // namespace

Overlap overlap_of(const View& view, ByteRange range) {
  if (view.items() == 0 || range.begin >= range.end) {
    return {};
  }
  Walk walk(view, range);
  walk.visit(0, view.offset);
  return walk.take();
}

}  // namespace weightgauge
