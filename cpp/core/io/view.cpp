#include "core/io/view.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "core/io/decoding.hpp"

namespace weightgauge {

namespace {

// As most slices, which are whole tensors: for them no dimensions need to be sorted.
bool is_one_stretch(const std::vector<Dim>& dims, std::size_t item) {
  return dims.size() == 1 && dims[0].extent > 1 &&
         dims[0].stride == static_cast<std::int64_t>(item);
}

}  // namespace

std::uint64_t View::items() const {
  std::uint64_t product = decoding == nullptr ? 1 : decoding->values_per_item();
  for (const Dim& dim : dims) {
    product *= dim.extent;
  }
  return product;
}

std::uint64_t View::stored_bytes(std::uint64_t items) const {
  return stored_item_bytes() * (decoding == nullptr ? items : items / decoding->values_per_item());
}

std::uint64_t View::end() const {
  std::uint64_t last = offset;
  for (const Dim& dim : dims) {
    if (dim.extent == 0) {
      return offset;
    }
    last += (dim.extent - 1) * static_cast<std::uint64_t>(dim.stride);
  }
  return last + stored_item_bytes();
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

View checked_view(DType dtype, std::uint64_t offset, const std::vector<Dim>& dims,
                  std::uint64_t size) {
  const char* const beyond = "a slice reaches beyond the end of its file";
  if (is_one_stretch(dims, item_bytes(dtype))) {
    if (offset > size || dims[0].extent > (size - offset) / item_bytes(dtype)) {
      throw std::invalid_argument(beyond);
    }
    return contiguous_view(dtype, offset, dims[0].extent);
  }
  std::vector<Dim> ascending;
  for (const Dim& dim : dims) {
    if (dim.extent == 0) {
      return contiguous_view(dtype, 0, 0);
    }
    if (dim.stride < 0) {
      throw std::invalid_argument("a slice of a file has a negative stride");
    }
    if (dim.extent > 1) {
      ascending.push_back(dim);
    }
  }
  std::sort(ascending.begin(), ascending.end(),
            [](const Dim& a, const Dim& b) { return a.stride < b.stride; });
  std::uint64_t span =
      item_bytes(dtype);  // from the first byte of the inner dimensions to the last
  if (offset > size || span > size - offset) {
    throw std::invalid_argument(beyond);
  }
  const std::uint64_t room = size - offset;
  for (const Dim& dim : ascending) {
    const auto stride = static_cast<std::uint64_t>(dim.stride);
    if (stride < span) {
      throw std::invalid_argument("a slice of a file counts a byte twice");
    }
    // The span never exceeds the room, so that nothing here overflows.
    if (dim.extent - 1 > (room - span) / stride) {
      throw std::invalid_argument(beyond);
    }
    span += (dim.extent - 1) * stride;
  }
  return normalised_view(dtype, static_cast<std::int64_t>(offset), dims);
}

bool has_codes_apart(const View& view) {
  return view.decoding != nullptr && view.decoding->stored_codes().has_value();
}

View decoded_view(View stored, std::shared_ptr<const Decoding> decoding) {
  stored.dtype = decoding->values();
  stored.decoding = std::move(decoding);
  return stored;
}

}  // namespace weightgauge
