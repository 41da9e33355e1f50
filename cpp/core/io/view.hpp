// The elements of one slice as strided items; order plays no part in counting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/dtype.hpp"

namespace weightgauge {

class Decoding;

struct Dim {
  std::uint64_t extent;
  std::int64_t stride;  // bytes
};

// After normalisation strides are positive or zero, ordered from the largest to the smallest, and
// neighbouring dimensions that follow on from each other are one.
struct View {
  DType dtype = DType::f32;
  std::uint64_t offset = 0;  // bytes from the start of the source
  std::vector<Dim> dims;     // outermost first; empty for a single item
  // Makes the items from what is stored, if they are not stored themselves: offset and dims are
  // then those of the stored items, dtype is that of the values, and items() counts values.
  std::shared_ptr<const Decoding> decoding;

  std::uint64_t items() const;
  // Stored bytes of so many items.
  std::uint64_t stored_bytes(std::uint64_t items) const;
  // Bytes of one stored item; codes that are decoded have one each.
  std::size_t stored_item_bytes() const { return decoding == nullptr ? item_bytes(dtype) : 1; }
  // The first byte behind the last stored item; `offset` where there are none.
  std::uint64_t end() const;
  std::uint64_t elements() const { return items() * elements_per_item(dtype); }
};

View contiguous_view(DType dtype, std::uint64_t offset, std::uint64_t items);
// `offset` moves where strides are negative: the caller passes the offset of element [0, ..., 0].
View normalised_view(DType dtype, std::int64_t offset, std::vector<Dim> dims);
// A view into a file of `size` bytes; the numbers may be any. Throws std::invalid_argument where an
// item would lie beyond the end, two items would share a byte, or a stride is negative.
View checked_view(DType dtype, std::uint64_t offset, const std::vector<Dim>& dims,
                  std::uint64_t size);
// The values that a decoding makes of a view's items.
View decoded_view(View stored, std::shared_ptr<const Decoding> decoding);

// A stretch of equally spaced items.
struct Run {
  std::uint64_t offset;  // bytes from the start of the source
  std::uint64_t items;
  std::uint64_t stride;  // bytes
};

// Walks the runs of a view that starts at some item, an odometer over all but the innermost
// dimension: runs may be as short as a few items, and a division for each would show.
class RunCursor {
 public:
  RunCursor(const View& view, std::uint64_t first)
      : outer_(view.dims.data()), index_(view.dims.size() - 1), offset_(view.offset) {
    const Dim& inner = view.dims.back();
    within_ = first % inner.extent;
    std::uint64_t rest = first / inner.extent;
    for (std::size_t d = index_.size(); d-- > 0;) {
      index_[d] = rest % outer_[d].extent;
      offset_ += index_[d] * static_cast<std::uint64_t>(outer_[d].stride);
      rest /= outer_[d].extent;
    }
  }
  // Of the first item of the current run of the innermost dimension.
  std::uint64_t offset() const { return offset_; }
  // Items of the current run that lie before the one asked for.
  std::uint64_t within() const { return within_; }
  void advance() {
    within_ = 0;
    for (std::size_t d = index_.size(); d-- > 0;) {
      const auto stride = static_cast<std::uint64_t>(outer_[d].stride);
      if (++index_[d] < outer_[d].extent) {
        offset_ += stride;
        return;
      }
      offset_ -= (outer_[d].extent - 1) * stride;
      index_[d] = 0;
    }
  }

 private:
  const Dim* outer_;
  std::vector<std::uint64_t> index_;
  std::uint64_t offset_;
  std::uint64_t within_ = 0;
};

// Calls visit(Run) for the items first..last-1 of the view, in the view's own order.
template <class Visit>
void for_each_run(const View& view, std::uint64_t first, std::uint64_t last, Visit&& visit) {
  if (first >= last) {
    return;
  }
  const std::uint64_t stride = view.dims.empty()
                                   ? item_bytes(view.dtype)
                                   : static_cast<std::uint64_t>(view.dims.back().stride);
  if (view.dims.size() < 2) {
    visit(Run{view.offset + first * stride, last - first, stride});
    return;
  }
  const std::uint64_t inner = view.dims.back().extent;
  for (RunCursor cursor(view, first); first < last; cursor.advance()) {
    const std::uint64_t left = inner - cursor.within();
    const std::uint64_t items = last - first < left ? last - first : left;
    visit(Run{cursor.offset() + cursor.within() * stride, items, stride});
    first += items;
  }
}

}  // namespace weightgauge
