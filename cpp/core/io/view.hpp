// The elements of one slice as strided items. Their order may be changed, because counts do not
// depend on it.
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

// Normalising makes strides positive or zero and sorts dimensions by them, largest first. It merges
// neighbouring dimensions where one continues the other.
struct View {
  DType dtype = DType::f32;
  std::uint64_t offset = 0;  // bytes from the start of the source
  std::vector<Dim> dims;     // outermost first; empty for a single item
  // Makes the values, if they are not stored as such. `offset` and `dims` are then those of the
  // stored items, `dtype` is that of the values, and items() counts values.
  std::shared_ptr<const Decoding> decoding;

  std::uint64_t items() const;
  // Bytes that `items` items take where they are stored.
  std::uint64_t stored_bytes(std::uint64_t items) const;
  // Bytes of one stored item; each code that is decoded takes one byte.
  std::size_t stored_item_bytes() const { return decoding == nullptr ? item_bytes(dtype) : 1; }
  // The first byte behind the last stored item; `offset` where there are none.
  std::uint64_t end() const;
  std::uint64_t elements() const { return items() * elements_per_item(dtype); }
};

View contiguous_view(DType dtype, std::uint64_t offset, std::uint64_t items);
// `offset` is that of element [0, ..., 0]. Where strides are negative, the result has a lower one.
View normalised_view(DType dtype, std::int64_t offset, std::vector<Dim> dims);
// A view into a file of `size` bytes. The numbers need not have been checked. Throws
// std::invalid_argument if an item would lie beyond the end, two items would share a byte, or a
// stride is negative.
View checked_view(DType dtype, std::uint64_t offset, const std::vector<Dim>& dims,
                  std::uint64_t size);
// The values that a decoding makes of a view's items.
View decoded_view(View stored, std::shared_ptr<const Decoding> decoding);

// Whether no bytes stand behind the items of a view, but codes elsewhere.
bool has_codes_apart(const View& view);

// A stretch of equally spaced items.
struct Run {
  std::uint64_t offset;  // bytes from the start of the source
  std::uint64_t items;
  std::uint64_t stride;  // bytes
};

// Walks the runs of a view from a given item on. It counts like an odometer over all dimensions but
// the innermost, because runs may be as short as a few items and a division for each would take
// noticeable time.
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
  // Offset of the first item of the current run of the innermost dimension.
  std::uint64_t offset() const { return offset_; }
  // Items of the current run that lie before the item from which the walk starts.
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
