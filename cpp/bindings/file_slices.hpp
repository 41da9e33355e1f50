// Slices of files, as Python describes them.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/released_gil.hpp"
#include "core/base/parallel.hpp"
#include "core/decode/block_scale.hpp"
#include "core/decode/grouped_codes.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/scan/scan.hpp"

namespace weightgauge::bindings {

using Identity =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;
using FileSpec = std::tuple<std::string, Identity>;
// A file, or the memory of an array.
using SourceSpec = std::variant<FileSpec, ArrayView>;
// Number of the file, dtype, offset in bytes, number of items.
using FileNumbers = std::tuple<std::size_t, std::string, std::uint64_t, std::uint64_t>;
struct BlockScaleSpec {
  BlockGrid grid;
  FileNumbers scales;
  std::optional<FileNumbers> scale_of_all;
  bool divided;
};
struct LowRankSpec {
  std::uint64_t rows;
  std::uint64_t rank;
  std::uint64_t columns;
  FileNumbers left;
  FileNumbers right;
  float factor;
};
// Number of the file, offset in bytes, number of items of one byte, or of words.
using FileItems = std::tuple<std::size_t, std::uint64_t, std::uint64_t>;
struct PackedCodesSpec {
  PackedForm form;
  FileItems codes;  // in bytes
  FileNumbers scales;
  std::optional<FileItems> zeros;
  std::optional<FileItems> index;
};
struct ScaleCodesSpec {
  FileItems codes;  // in bytes
  FileNumbers values;
  std::uint64_t group_items;
  float added;
};
struct ZeroPointsSpec {
  FileItems words;  // in bytes
  std::uint64_t columns;
  unsigned bits;
  unsigned word_bytes;
  bool has_sign;
};
struct GroupedCodesSpec {
  GroupedForm form;
  FileItems codes;  // in bytes
  FileNumbers scales;
  std::optional<FileNumbers> biases;
  std::optional<FileNumbers> values;
  std::optional<ScaleCodesSpec> scale_codes;
  std::optional<ZeroPointsSpec> zeros;
};
using DecodingSpec = std::variant<BlockScaleSpec, LowRankSpec, PackedCodesSpec, GroupedCodesSpec>;
struct FileSlice {
  std::size_t file = 0;
  DType dtype = DType::f32;
  std::uint64_t offset = 0;
  std::vector<Dim> dims;
  std::shared_ptr<const DecodingSpec> decoding;
  Noted noted = Noted::negatives;
  std::uint64_t first_page = 0;
  std::uint64_t columns = 0;  // of a matrix, whose rows come one after the other; else 0
  std::uint64_t rows_in_cluster = 1;
  std::uint64_t columns_in_cluster = 1;
  bool rows_are_tokens = false;
};
// Python passes slices as columns, because they come in tens of thousands. Most slices are whole
// tensors, whose items lie side by side.
struct FileSlices {
  std::vector<FileSlice> rows;
};
template <class Number>
using ColumnOf = pybind11::array_t<Number, pybind11::array::c_style>;
// Describes a slice whose items do not lie side by side, or are decoded: its row, (extent, stride
// in bytes) of each dimension, and how it is decoded.
using Shaped = std::tuple<std::size_t, std::vector<std::pair<std::uint64_t, std::int64_t>>,
                          std::optional<DecodingSpec>>;
// The clusters of a matrix: its row, and how many rows and columns there are in each.
using Clustered = std::tuple<std::size_t, std::uint64_t, std::uint64_t>;
using Sources = std::vector<std::unique_ptr<ByteSource>>;

// Arrays must outlive the sources.
Sources open_sources(const std::vector<SourceSpec>& files, const std::string& io);
// `formats` are indices into `dtypes`. `noted` are values of Noted, and `pieces` rows whose pages
// are noted, with the first page of each. The `items` of a shaped slice are ignored. `columns` are
// values in each row of a matrix, 0 where rows do not come one after the other, and `of_tokens`
// matrices whose rows are those of tokens. Throws
// std::invalid_argument for an unknown dtype and for columns of different lengths.
FileSlices file_slices_from(const std::vector<std::string>& dtypes,
                            const ColumnOf<std::uint32_t>& files,
                            const ColumnOf<std::uint8_t>& formats,
                            const ColumnOf<std::uint64_t>& offsets,
                            const ColumnOf<std::uint64_t>& items,
                            const ColumnOf<std::uint8_t>& noted, const std::vector<Shaped>& shaped,
                            const std::vector<std::pair<std::size_t, std::uint64_t>>& pieces,
                            const ColumnOf<std::uint64_t>& columns,
                            const std::vector<Clustered>& clusters,
                            const std::vector<std::size_t>& of_tokens);
// The rows and columns of a slice of so many values; none where the columns do not divide it.
MatrixLayout layout_of(const FileSlice& slice, std::uint64_t values);
// Throws std::invalid_argument if the slice does not lie inside its file.
View view_from(const FileSlice& slice, const Sources& sources);
// Throws as well if the digest is asked for of values that are made of several tensors, or of a
// slice that is counted and whose bytes do not lie side by side.
SliceSpec spec_from(const FileSlice& slice, const Sources& sources);
// Returns a function that handles Python's signals and calls the caller's progress function, which
// must outlive it, unless that is None. It is called again and again while workers run, by the
// thread that released the lock.
std::function<void()> watcher(ReleasedGil& gil, const Control& control, PyObject* progress);

}  // namespace weightgauge::bindings
