// Slices of files as Python describes them.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/decode/block_scale.hpp"
#include "core/io/byte_source.hpp"
#include "core/scan/scan.hpp"

namespace weightgauge::bindings {

using Identity =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;
using FileSpec = std::tuple<std::string, Identity>;
// file, dtype, offset in bytes, items
using FileNumbers = std::tuple<std::size_t, std::string, std::uint64_t, std::uint64_t>;
struct BlockScaleSpec {
  BlockGrid grid;
  FileNumbers scales;
};
struct LowRankSpec {
  std::uint64_t rows;
  std::uint64_t rank;
  std::uint64_t columns;
  FileNumbers left;
  FileNumbers right;
  float factor;
};
using DecodingSpec = std::variant<BlockScaleSpec, LowRankSpec>;
// In Python a tuple: file, dtype, offset in bytes, (extent, stride in bytes) of each dimension, and
// decoding or None.
struct FileSlice {
  std::size_t file = 0;
  DType dtype = DType::f32;
  std::uint64_t offset = 0;
  std::vector<Dim> dims;
  std::shared_ptr<const DecodingSpec> decoding;
};
// What a scan has found. Results become Python objects when they are asked for: making tens of
// thousands of them takes as long as a thread's share of the counting.
struct ScanResults {
  std::vector<SliceResult> slices;
};
using Sources = std::vector<std::unique_ptr<ByteSource>>;
using Progress = std::optional<std::function<void(std::uint64_t)>>;

Sources open_sources(const std::vector<FileSpec>& files, const std::string& io);
// Throws std::invalid_argument for an unknown dtype.
FileSlice file_slice_from(const pybind11::tuple& parts);
// Throws std::invalid_argument for what does not lie inside its file.
View view_from(const FileSlice& slice, const Sources& sources);
// Gives Python's signals and the caller's progress function their turn while workers run.
std::function<void()> watcher(const Control& control, const Progress& progress);

}  // namespace weightgauge::bindings

// Slices come in tens of thousands, and the casters of tuples copy each word and list once more.
template <>
struct pybind11::detail::type_caster<weightgauge::bindings::FileSlice> {
  PYBIND11_TYPE_CASTER(weightgauge::bindings::FileSlice, const_name("FileSlice"));
  bool load(handle source, bool /*convert*/) {
    if (!isinstance<tuple>(source) || len(source) != 5) {
      return false;
    }
    try {
      value = weightgauge::bindings::file_slice_from(reinterpret_borrow<tuple>(source));
    } catch (const cast_error&) {
      return false;  // and so a TypeError, as for any other argument
    }
    return true;
  }
};
