// The elements of one slice as strided items; order plays no part in counting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/dtype.hpp"

namespace weightgauge {

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

  std::uint64_t items() const;
  std::uint64_t elements() const { return items() * elements_per_item(dtype); }
};

View contiguous_view(DType dtype, std::uint64_t offset, std::uint64_t items);
// `offset` moves where strides are negative: the caller passes the offset of element [0, ..., 0].
View normalised_view(DType dtype, std::int64_t offset, std::vector<Dim> dims);

// A stretch of equally spaced items.
struct Run {
  std::uint64_t offset;  // bytes from the start of the source
  std::uint64_t items;
  std::uint64_t stride;  // bytes
};

// Calls visit(Run) for the items first..last-1 of the view, in the view's own order.
template <class Visit>
void for_each_run(const View& view, std::uint64_t first, std::uint64_t last, Visit&& visit) {
  const bool scalar = view.dims.empty();
  const std::uint64_t inner = scalar ? 1 : view.dims.back().extent;
  const auto stride = static_cast<std::uint64_t>(
      scalar ? static_cast<std::int64_t>(item_bytes(view.dtype)) : view.dims.back().stride);
  while (first < last) {
    std::uint64_t rest = first / inner;
    const std::uint64_t within = first % inner;
    std::uint64_t offset = view.offset + within * stride;
    for (std::size_t d = scalar ? 0 : view.dims.size() - 1; d-- > 0;) {
      const Dim& dim = view.dims[d];
      offset += (rest % dim.extent) * static_cast<std::uint64_t>(dim.stride);
      rest /= dim.extent;
    }
    const std::uint64_t left = inner - within;
    const std::uint64_t items = last - first < left ? last - first : left;
    visit(Run{offset, items, stride});
    first += items;
  }
}

}  // namespace weightgauge
