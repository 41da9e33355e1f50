#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/file_slices.hpp"
#include "bindings/scan_results.hpp"
#include "core/decode/balance.hpp"
#include "core/decode/difference.hpp"
#include "core/scan/scan.hpp"
#include "core/two_way/paired.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

ValueReader reader_from(const FileSlice& slice, const Sources& sources) {
  return {*sources.at(slice.file), view_from(slice, sources)};
}

ScanResults scan_differences(const std::vector<SourceSpec>& files, const FileSlices& a,
                             const FileSlices& b, const std::string& io, const py::object& progress,
                             const ScanOptions& options) {
  if (a.rows.size() != b.rows.size()) {
    throw std::invalid_argument("every slice has one that it is subtracted from");
  }
  return without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, progress.ptr());
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
  });
}

// A row of the table of paired errors.
struct PairedNumbers {
  double dk_se;
  double dln_lambda_se;
  std::uint8_t errors_basis;
};

// What is known of a fitted slice.
struct KnownVersion {
  InfluenceCurve influence;
  std::uint64_t n;
  double k;
};

// None where there is no fit.
std::optional<KnownVersion> known_version(const Histogram* counts, double scale, Trim trim,
                                          FitSpace& space) {
  if (counts == nullptr) {
    return std::nullopt;
  }
  const std::uint64_t n = counts->n();
  const Fit fit = fit_histogram(*counts, n, trim, Zeros::exclude, space);
  if (fit.status != FitStatus::ok) {
    return std::nullopt;
  }
  return KnownVersion{InfluenceCurve(space.plot, space.influences, scale), n, fit.k};
}

// Tables of these are made for pairs of slices whose counts are at hand.
using Counts = std::vector<std::pair<const Histogram*, double>>;

struct Pair {
  const FileSlice& a;
  const FileSlice& b;
  const std::pair<const Histogram*, double>& counts_a;
  const std::pair<const Histogram*, double>& counts_b;
  bool few_changed;
  double mean_square;
};

PairedNumbers paired_numbers(const Pair& pair, const Sources& sources, const ScanOptions& options,
                             FitSpace& space, ReadBuffer& buffer, const Control& control) {
  const auto known_a =
      known_version(pair.counts_a.first, pair.counts_a.second, options.trim, space);
  const auto known_b =
      known_version(pair.counts_b.first, pair.counts_b.second, options.trim, space);
  const ValueReader values_a = reader_from(pair.a, sources);
  const ValueReader values_b = reader_from(pair.b, sources);
  const std::uint64_t columns = pair.a.columns;
  if (!known_a || !known_b || columns == 0 || values_a.values() % columns != 0 ||
      values_a.values() != values_b.values()) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    return {nan, nan, static_cast<std::uint8_t>(ErrorsBasis::counts)};
  }
  const PairedOf whole = options.errors == ErrorsFor::matrix ? PairedOf::all : PairedOf::sample;
  const PairedOf of = pair.few_changed ? PairedOf::changed : whole;
  const PairedErrors found =
      paired_errors({values_a, known_a->influence, known_a->n, known_a->k},
                    {values_b, known_b->influence, known_b->n, known_b->k},
                    layout_of(pair.a, values_a.values()), pair.mean_square, of, buffer, control);
  return {found.errors.k, found.errors.ln_lambda, static_cast<std::uint8_t>(found.basis)};
}

py::array_t<PairedNumbers> paired_errors_of(const std::vector<SourceSpec>& files,
                                            const FileSlices& a, const FileSlices& b,
                                            const Counts& counts_a, const Counts& counts_b,
                                            const std::vector<bool>& few_changed,
                                            const std::vector<double>& mean_squares,
                                            const std::string& io, const ScanOptions& options) {
  const std::size_t size = a.rows.size();
  if (b.rows.size() != size || counts_a.size() != size || counts_b.size() != size ||
      few_changed.size() != size || mean_squares.size() != size) {
    throw std::invalid_argument("every slice has counts, and one that it is compared with");
  }
  py::array_t<PairedNumbers> table(static_cast<py::ssize_t>(size));
  PairedNumbers* const rows = table.mutable_data();
  without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, Py_None);
    const Sources sources = open_sources(files, io);
    std::atomic<std::size_t> next{0};
    const auto work = [&](int) {
      FitSpace space;
      ReadBuffer buffer;
      for (std::size_t i = next++; i < size; i = next++) {
        control.check();
        const Pair pair = {a.rows[i],   b.rows[i],      counts_a[i],
                           counts_b[i], few_changed[i], mean_squares[i]};
        rows[i] = paired_numbers(pair, sources, options, space, buffer, control);
      }
    };
    with_memory_for(options.threads, control, [&](int threads) {
      next = 0;
      run_parallel(threads, Caller::watches, control, work, watch);
    });
    for (const std::unique_ptr<ByteSource>& source : sources) {
      source->verify();
    }
  });
  return table;
}

ScanResults scan_balanced(const std::vector<SourceSpec>& files, const FileSlices& slices,
                          const std::vector<std::pair<std::uint64_t, int>>& forms,
                          const std::string& io, const py::object& progress,
                          const ScanOptions& options) {
  if (forms.size() != slices.rows.size()) {
    throw std::invalid_argument("every matrix has a number of columns");
  }
  return without_gil([&](ReleasedGil& gil) {
    Control control;
    const std::function<void()> watch = watcher(gil, control, progress.ptr());
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
  });
}

}  // namespace

void bind_derived(py::module_& module) {
  PYBIND11_NUMPY_DTYPE(PairedNumbers, dk_se, dln_lambda_se, errors_basis);
  module.def("paired_errors", &paired_errors_of, py::arg("files"), py::arg("a"), py::arg("b"),
             py::arg("counts_a"), py::arg("counts_b"), py::arg("few_changed"),
             py::arg("mean_squares"), py::kw_only(), py::arg("io"), py::arg("options"));
  module.def("scan_differences", &scan_differences, py::arg("files"), py::arg("a"), py::arg("b"),
             py::kw_only(), py::arg("io"), py::arg("progress").none(true), py::arg("options"));
  module.def("scan_balanced", &scan_balanced, py::arg("files"), py::arg("slices"), py::arg("forms"),
             py::kw_only(), py::arg("io"), py::arg("progress").none(true), py::arg("options"));
}

}  // namespace weightgauge::bindings
