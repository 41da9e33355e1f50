#include "bindings/file_slices.hpp"

#include <pybind11/stl.h>

#include <stdexcept>
#include <string_view>

#include "core/decode/low_rank.hpp"
#include "core/io/bus_errors.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

std::function<void()> watcher(ReleasedGil& gil, const Control& control, PyObject* progress) {
  const auto look = [&control, progress] {
    if (PyErr_CheckSignals() != 0) {
      throw py::error_already_set();
    }
    if (progress != Py_None) {
      // Python may end this thread in there: so nothing here has a destructor that it would run.
      const unsigned long long done = control.bytes_done.load();
      PyObject* const returned = PyObject_CallFunction(progress, "K", done);
      if (returned == nullptr) {
        throw py::error_already_set();
      }
      Py_DECREF(returned);
    }
  };
  return [&gil, look] {
    gil.with_gil(look);
    take_bus_errors_again();
  };
}

namespace {

// Whether no stored item stands behind each value.
bool is_made(const FileSlice& slice) {
  return slice.decoding != nullptr && !std::holds_alternative<BlockScaleSpec>(*slice.decoding);
}

// Whether a slice has all values of a matrix, in the order of its rows.
bool is_whole(const View& view) {
  const std::uint64_t items = view.items();
  return has_codes_apart(view) && view.offset == 0 && view.dims.size() == 1 &&
         view.dims[0].stride == 1 && items == view.decoding->items_in_all();
}

FloatReader numbers_from(const FileNumbers& spec, const Sources& sources) {
  const auto& [file, dtype_word, offset, items] = spec;
  return {*sources.at(file), dtype_from_name(dtype_word), offset, items};
}

std::optional<StoredWords> words_from(const std::optional<FileItems>& spec,
                                      const Sources& sources) {
  if (!spec) {
    return std::nullopt;
  }
  const auto& [file, offset, items] = *spec;
  return StoredWords{sources.at(file).get(), offset, items};
}

std::shared_ptr<PackedCodes> packed_codes_from(const PackedCodesSpec& spec,
                                               const Sources& sources) {
  const auto& [file, offset, bytes] = spec.codes;
  return std::make_shared<PackedCodes>(
      spec.form,
      PackedParts{sources.at(file).get(), offset, bytes, numbers_from(spec.scales, sources),
                  words_from(spec.zeros, sources), words_from(spec.index, sources)});
}

std::optional<FloatReader> numbers_from(const std::optional<FileNumbers>& spec,
                                        const Sources& sources) {
  return spec ? std::optional<FloatReader>(numbers_from(*spec, sources)) : std::nullopt;
}

std::shared_ptr<GroupedCodes> grouped_codes_from(const GroupedCodesSpec& spec,
                                                 const Sources& sources) {
  const auto& [file, offset, bytes] = spec.codes;
  GroupedParts parts{sources.at(file).get(),
                     offset,
                     bytes,
                     numbers_from(spec.scales, sources),
                     numbers_from(spec.biases, sources),
                     numbers_from(spec.values, sources),
                     std::nullopt,
                     std::nullopt};
  if (const auto& nested = spec.scale_codes) {
    const auto& [beside, begin, items] = nested->codes;
    parts.scale_codes = ScaleCodes{
        sources.at(beside).get(), begin,        items, numbers_from(nested->values, sources),
        nested->group_items,      nested->added};
  }
  if (const auto& zeros = spec.zeros) {
    const auto& [beside, begin, items] = zeros->words;
    parts.zeros =
        ZeroPoints{sources.at(beside).get(), begin,          items, zeros->columns, zeros->bits,
                   zeros->word_bytes,        zeros->has_sign};
  }
  return std::make_shared<GroupedCodes>(spec.form, parts);
}

}  // namespace

MatrixLayout layout_of(const FileSlice& slice, std::uint64_t values) {
  if (slice.columns == 0 || values % slice.columns != 0) {
    return {};
  }
  return {values / slice.columns, slice.columns, slice.rows_in_cluster, slice.columns_in_cluster,
          slice.rows_are_tokens};
}

FileSlices file_slices_from(const std::vector<std::string>& dtypes,
                            const ColumnOf<std::uint32_t>& files,
                            const ColumnOf<std::uint8_t>& formats,
                            const ColumnOf<std::uint64_t>& offsets,
                            const ColumnOf<std::uint64_t>& items,
                            const ColumnOf<std::uint8_t>& noted, const std::vector<Shaped>& shaped,
                            const std::vector<std::pair<std::size_t, std::uint64_t>>& pieces,
                            const ColumnOf<std::uint64_t>& columns,
                            const std::vector<Clustered>& clusters,
                            const std::vector<std::size_t>& of_tokens) {
  const auto size = static_cast<std::size_t>(files.size());
  for (const py::ssize_t other :
       {formats.size(), offsets.size(), items.size(), noted.size(), columns.size()}) {
    if (static_cast<std::size_t>(other) != size) {
      throw std::invalid_argument("the columns of slices differ in length");
    }
  }
  std::vector<DType> known;
  for (const std::string& name : dtypes) {
    known.push_back(dtype_from_name(name));
  }
  FileSlices slices;
  slices.rows.resize(size);
  for (std::size_t row = 0; row < size; ++row) {
    FileSlice& slice = slices.rows[row];
    if (formats.data()[row] >= known.size()) {
      throw std::invalid_argument("a slice has no format");
    }
    if (noted.data()[row] > static_cast<std::uint8_t>(Noted::digest)) {
      throw std::invalid_argument("nothing of that kind is noted of a slice");
    }
    slice.noted = static_cast<Noted>(noted.data()[row]);
    slice.columns = columns.data()[row];
    slice.file = files.data()[row];
    slice.dtype = known[formats.data()[row]];
    slice.offset = offsets.data()[row];
    slice.dims = {{items.data()[row], static_cast<std::int64_t>(item_bytes(slice.dtype))}};
  }
  for (const auto& [row, dims, decoding] : shaped) {
    if (row >= size) {
      throw std::invalid_argument("there is no slice of that number");
    }
    slices.rows[row].dims.clear();
    for (const auto& [extent, stride] : dims) {
      slices.rows[row].dims.push_back({extent, stride});
    }
    if (decoding) {
      slices.rows[row].decoding = std::make_shared<const DecodingSpec>(*decoding);
    }
  }
  for (const auto& [row, first_page] : pieces) {
    if (row >= size) {
      throw std::invalid_argument("there is no slice of that number");
    }
    slices.rows[row].noted = Noted::pages;
    slices.rows[row].first_page = first_page;
  }
  for (const auto& [row, rows_in_cluster, columns_in_cluster] : clusters) {
    if (row >= size || rows_in_cluster == 0 || columns_in_cluster == 0) {
      throw std::invalid_argument("a cluster has no lines, or its matrix is not there");
    }
    slices.rows[row].rows_in_cluster = rows_in_cluster;
    slices.rows[row].columns_in_cluster = columns_in_cluster;
  }
  for (const std::size_t row : of_tokens) {
    if (row >= size) {
      throw std::invalid_argument("there is no slice of that number");
    }
    slices.rows[row].rows_are_tokens = true;
  }
  return slices;
}

View view_from(const FileSlice& slice, const Sources& sources) {
  const auto& [file, dtype, offset, dims, spec, noted, first_page, columns, row_cluster,
               column_cluster, rows_are_tokens] = slice;
  const std::uint64_t size = sources.at(file)->size();
  if (spec == nullptr) {
    return checked_view(dtype, offset, dims, size);
  }
  if (const auto* scaled = std::get_if<BlockScaleSpec>(&*spec)) {
    std::optional<ScaleOfAll> of_all;
    if (scaled->scale_of_all) {
      of_all = {numbers_from(*scaled->scale_of_all, sources), scaled->divided};
    }
    auto decoding = std::make_shared<BlockScale>(dtype, scaled->grid, size,
                                                 numbers_from(scaled->scales, sources), of_all);
    if (offset < scaled->grid.origin) {
      throw std::invalid_argument("a slice begins before its matrix of codes");
    }
    return decoded_view(checked_view(dtype, offset, dims, decoding->end()), decoding);
  }
  // No bytes stand behind the items of the rest. Their numbers are given as byte offsets.
  const auto made = [&slice](std::uint64_t items, std::shared_ptr<const Decoding> decoding) {
    View items_of = checked_view(DType::f8_e8m0, slice.offset, slice.dims, items);
    return decoded_view(std::move(items_of), std::move(decoding));
  };
  if (const auto* packed = std::get_if<PackedCodesSpec>(&*spec)) {
    auto decoding = packed_codes_from(*packed, sources);
    return made(decoding->items(), decoding);
  }
  if (const auto* grouped = std::get_if<GroupedCodesSpec>(&*spec)) {
    auto decoding = grouped_codes_from(*grouped, sources);
    return made(decoding->items(), decoding);
  }
  const auto& product = std::get<LowRankSpec>(*spec);
  auto decoding = std::make_shared<LowRank>(product.rows, product.rank, product.columns,
                                            numbers_from(product.left, sources),
                                            numbers_from(product.right, sources), product.factor);
  return made(decoding->items(), decoding);
}

SliceSpec spec_from(const FileSlice& slice, const Sources& sources) {
  View view = view_from(slice, sources);
  const bool whole = slice.noted == Noted::tensor || slice.noted == Noted::pages;
  const std::uint64_t stored = view.stored_bytes(view.items());
  const bool apart = view.items() > 0 && stored != view.end() - view.offset;
  const bool has_own = !is_made(slice) || (slice.noted == Noted::tensor && is_whole(view));
  if ((whole && (apart || !has_own)) ||
      (slice.noted == Noted::digest && slice.decoding != nullptr)) {
    throw std::invalid_argument("a digest is that of a tensor's own bytes");
  }
  if (slice.noted == Noted::digest && view.items() > 0) {
    view.dims = slice.dims;  // in the order in which the items would be stored
  }
  const std::uint64_t values = slice.decoding == nullptr ? view.elements() : view.items();
  const MatrixLayout layout = layout_of(slice, values);
  return {slice.file, std::move(view), slice.noted, slice.first_page, layout};
}

Sources open_sources(const std::vector<SourceSpec>& files, const std::string& io) {
  Sources sources;
  for (const SourceSpec& file : files) {
    if (const auto* array = std::get_if<ArrayView>(&file)) {
      sources.push_back(std::make_unique<MemorySource>(array->memory, array->view.end()));
      continue;
    }
    const auto& [path, identity] = std::get<FileSpec>(file);
    const auto& [device, inode, size, mtime, ctime] = identity;
    sources.push_back(open_file(path, FileIdentity{device, inode, size, mtime, ctime},
                                io == "pread" ? Io::pread : Io::mmap));
  }
  return sources;
}

}  // namespace weightgauge::bindings
