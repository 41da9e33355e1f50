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

#include "core/block_scale.hpp"
#include "core/parallel.hpp"
#include "core/source.hpp"

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
using DecodingSpec = std::optional<std::variant<BlockScaleSpec, LowRankSpec>>;
// file, dtype, offset in bytes, (extent, stride in bytes) of each dimension, decoding
using FileSlice = std::tuple<std::size_t, std::string, std::uint64_t,
                             std::vector<std::pair<std::uint64_t, std::int64_t>>, DecodingSpec>;
using Sources = std::vector<std::unique_ptr<Source>>;
using Progress = std::optional<std::function<void(std::uint64_t)>>;

Sources open_sources(const std::vector<FileSpec>& files, const std::string& io);
// Throws std::invalid_argument for what does not lie inside its file.
View view_from(const FileSlice& slice, const Sources& sources);
// Gives Python's signals and the caller's progress function their turn while workers run.
std::function<void()> watcher(const Control& control, const Progress& progress);

}  // namespace weightgauge::bindings
