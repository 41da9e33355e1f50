#include "bindings/file_slices.hpp"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <stdexcept>
#include <string_view>

#include "core/decode/low_rank.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

// Python's signals and the caller's progress function have their turn while the workers run.
std::function<void()> watcher(const Control& control, const Progress& progress) {
  return [&control, &progress] {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    if (progress) {
      (*progress)(control.bytes_done.load());
    }
  };
}

namespace {

FloatReader numbers_from(const FileNumbers& spec, const Sources& sources) {
  const auto& [file, dtype_word, offset, items] = spec;
  const ByteSource& source = *sources.at(file);
  const DType dtype = dtype_from_name(dtype_word);
  const auto item = static_cast<std::int64_t>(item_bytes(dtype));
  checked_view(dtype, offset, {{items, item}}, source.size());
  return {source, dtype, offset, items};
}

}  // namespace

FileSlice file_slice_from(const py::tuple& parts) {
  FileSlice slice;
  slice.file = py::cast<std::size_t>(parts[0]);
  slice.dtype = dtype_from_name(py::cast<std::string_view>(parts[1]));
  slice.offset = py::cast<std::uint64_t>(parts[2]);
  for (const py::handle pair : parts[3]) {
    const auto [extent, stride] = py::cast<std::pair<std::uint64_t, std::int64_t>>(pair);
    slice.dims.push_back({extent, stride});
  }
  if (!parts[4].is_none()) {
    slice.decoding = std::make_shared<const DecodingSpec>(py::cast<DecodingSpec>(parts[4]));
  }
  return slice;
}

View view_from(const FileSlice& slice, const Sources& sources) {
  const auto& [file, dtype, offset, dims, spec] = slice;
  const std::uint64_t size = sources.at(file)->size();
  if (spec == nullptr) {
    return checked_view(dtype, offset, dims, size);
  }
  if (const auto* scaled = std::get_if<BlockScaleSpec>(&*spec)) {
    auto decoding = std::make_shared<BlockScale>(dtype, scaled->grid, size,
                                                 numbers_from(scaled->scales, sources));
    if (offset < scaled->grid.origin) {
      throw std::invalid_argument("a slice begins before its matrix of codes");
    }
    return decoded_view(checked_view(dtype, offset, dims, decoding->end()), decoding);
  }
  const auto& product = std::get<LowRankSpec>(*spec);
  auto decoding = std::make_shared<LowRank>(product.rows, product.rank, product.columns,
                                            numbers_from(product.left, sources),
                                            numbers_from(product.right, sources), product.factor);
  // The items of a product are numbers, as far apart as bytes.
  return decoded_view(checked_view(DType::f8_e8m0, offset, dims, decoding->items()), decoding);
}

Sources open_sources(const std::vector<FileSpec>& files, const std::string& io) {
  Sources sources;
  for (const auto& [path, identity] : files) {
    const auto& [device, inode, size, mtime, ctime] = identity;
    sources.push_back(open_file(path, FileIdentity{device, inode, size, mtime, ctime},
                                io == "pread" ? Io::pread : Io::mmap));
  }
  return sources;
}

}  // namespace weightgauge::bindings
