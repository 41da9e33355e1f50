#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/file_slices.hpp"
#include "bindings/scan_results.hpp"
#include "core/decode/balance.hpp"
#include "core/decode/difference.hpp"
#include "core/scan/scan.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

ValueReader reader_from(const FileSlice& slice, const Sources& sources) {
  return {*sources.at(slice.file), view_from(slice, sources)};
}

ScanResults scan_differences(const std::vector<SourceSpec>& files, const FileSlices& a,
                             const FileSlices& b, const std::string& io, const Progress& progress,
                             const ScanOptions& options) {
  if (a.rows.size() != b.rows.size()) {
    throw std::invalid_argument("every slice has one that it is subtracted from");
  }
  Control control;
  const std::function<void()> watch = watcher(control, progress);
  const py::gil_scoped_release release;
  const Sources sources = open_sources(files, io);
  std::vector<SliceSpec> specs;
  specs.reserve(a.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    auto difference = std::make_shared<Difference>(reader_from(a.rows[i], sources),
                                                   reader_from(b.rows[i], sources));
    const std::uint64_t items = difference->items();
    specs.push_back({a.rows[i].file, made_view(items, std::move(difference)), Noted::nothing});
  }
  return ScanResults(scan(sources, specs, options, control, watch));
}

ScanResults scan_balanced(const std::vector<SourceSpec>& files, const FileSlices& slices,
                          const std::vector<std::pair<std::uint64_t, int>>& forms,
                          const std::string& io, const Progress& progress,
                          const ScanOptions& options) {
  if (forms.size() != slices.rows.size()) {
    throw std::invalid_argument("every matrix has a number of columns");
  }
  Control control;
  const std::function<void()> watch = watcher(control, progress);
  const py::gil_scoped_release release;
  const Sources sources = open_sources(files, io);
  std::vector<ValueReader> matrices;
  std::vector<MatrixForm> known;
  matrices.reserve(slices.rows.size());
  for (std::size_t i = 0; i < slices.rows.size(); ++i) {
    matrices.push_back(reader_from(slices.rows[i], sources));
    known.push_back({forms[i].first, forms[i].second});
  }
  std::vector<BalanceFactors> factors =
      balance_factors(matrices, known, options.threads, control, watch);
  std::vector<SliceSpec> specs;
  specs.reserve(slices.rows.size());
  for (std::size_t i = 0; i < slices.rows.size(); ++i) {
    auto balanced = std::make_shared<Balanced>(matrices[i], std::move(factors[i]));
    const std::uint64_t items = balanced->items();
    specs.push_back({slices.rows[i].file, made_view(items, std::move(balanced)), Noted::nothing});
  }
  return ScanResults(scan(sources, specs, options, control, watch));
}

}  // namespace

void bind_derived(py::module_& module) {
  module.def("scan_differences", &scan_differences, py::arg("files"), py::arg("a"), py::arg("b"),
             py::kw_only(), py::arg("io"), py::arg("progress").none(true), py::arg("options"));
  module.def("scan_balanced", &scan_balanced, py::arg("files"), py::arg("slices"), py::arg("forms"),
             py::kw_only(), py::arg("io"), py::arg("progress").none(true), py::arg("options"));
}

}  // namespace weightgauge::bindings
