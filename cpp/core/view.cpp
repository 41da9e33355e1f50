#include "core/view.hpp"

#include <algorithm>

namespace weightgauge {

std::uint64_t View::items() const {
  std::uint64_t product = 1;
  for (const Dim& dim : dims) {
    product *= dim.extent;
  }
  return product;
}

View contiguous_view(DType dtype, std::uint64_t offset, std::uint64_t items) {
  View view;
  view.dtype = dtype;
  view.offset = offset;
  view.dims = {{items, static_cast<std::int64_t>(item_bytes(dtype))}};
  return view;
}

View normalised_view(DType dtype, std::int64_t offset, std::vector<Dim> dims) {
  const bool empty =
      std::any_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.extent == 0; });
  if (empty) {
    return contiguous_view(dtype, 0, 0);
  }
  dims.erase(
      std::remove_if(dims.begin(), dims.end(), [](const Dim& dim) { return dim.extent == 1; }),
      dims.end());
  for (Dim& dim : dims) {
    if (dim.stride < 0) {
      offset += dim.stride * static_cast<std::int64_t>(dim.extent - 1);
      dim.stride = -dim.stride;
    }
  }
  std::stable_sort(dims.begin(), dims.end(),
                   [](const Dim& a, const Dim& b) { return a.stride > b.stride; });
  View view;
  view.dtype = dtype;
  view.offset = static_cast<std::uint64_t>(offset);
  for (const Dim& dim : dims) {
    if (!view.dims.empty() &&
        view.dims.back().stride == dim.stride * static_cast<std::int64_t>(dim.extent)) {
      view.dims.back() = {view.dims.back().extent * dim.extent, dim.stride};
    } else {
      view.dims.push_back(dim);
    }
  }
  return view;
}

}  // namespace weightgauge
