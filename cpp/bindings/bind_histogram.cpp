#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "bindings/constructing.hpp"
#include "bindings/released_gil.hpp"
#include "core/fit/ks.hpp"
#include "core/fit/paper.hpp"
#include "core/histogram/check.hpp"
#include "core/histogram/histogram.hpp"
#include "core/histogram/squares.hpp"
#include "core/histogram/summary.hpp"
#include "core/scan/workspace.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

using Words = py::array_t<std::uint64_t, py::array::c_style | py::array::forcecast>;

std::vector<std::uint64_t> vector_of(const Words& words) {
  return {words.data(), words.data() + words.size()};
}

// The numbers may come from a file, so they are checked.
Histogram make_histogram(const std::string& dtype, int dropped_bits, const Words& keys,
                         const Words& counts, const Words& residuals, std::uint64_t zeros,
                         std::uint64_t nans, std::uint64_t infs, std::uint64_t max_key,
                         std::optional<double> known_rms) {
  Histogram result(dtype_from_name(dtype));
  result.dropped_bits = dropped_bits;
  result.keys = vector_of(keys);
  result.counts = vector_of(counts);
  result.residuals = vector_of(residuals);
  result.zeros = zeros;
  result.nans = nans;
  result.infs = infs;
  result.max_key = max_key;
  result.known_rms = known_rms;
  check_histogram(result);
  return result;
}

// An array over the histogram's own memory. It keeps the histogram alive.
py::array view_of(const py::object& owner, const std::vector<std::uint64_t>& words) {
  py::array_t<std::uint64_t> array({static_cast<py::ssize_t>(words.size())}, {8}, words.data(),
                                   owner);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::array_t<double> magnitudes(const Histogram& histogram) {
  const std::vector<double> means = mean_magnitudes(histogram);
  return py::array_t<double>(static_cast<py::ssize_t>(means.size()), means.data());
}

Fit fit(const Histogram& histogram, const std::string& trim, const std::string& zeros,
        const PaperBins* paper) {
  const Trim window = trim_from_name(trim);
  const Zeros treatment = zeros_from_name(zeros);
  return without_gil([&](ReleasedGil&) {
    LentWorkspace workspace;
    const Fit result = fit_with_protocol(
        histogram, histogram.n(), window, treatment,
        paper == nullptr ? PaperCounts() : paper_counts(histogram, *paper), workspace->fit);
    workspace.give_back();
    return result;
  });
}

double ks(const Histogram& histogram, double k, double lambda) {
  return ks_distance(histogram, k, LogScale{scaled(lambda), 0}).distance;
}

}  // namespace

void bind_histogram(py::module_& module) {
  using Self = py::object;
  py::class_<Histogram>(module, "Histogram")
      .def("__init__", constructed_by(&make_histogram), py::detail::is_new_style_constructor(),
           py::kw_only(), py::arg("dtype"), py::arg("dropped_bits"), py::arg("keys"),
           py::arg("counts"), py::arg("residuals"), py::arg("zeros"), py::arg("nans"),
           py::arg("infs"), py::arg("max_key"), py::arg("known_rms").none(true))
      .def_property_readonly("dtype", [](const Histogram& h) { return dtype_name(h.dtype); })
      .def_readonly("dropped_bits", &Histogram::dropped_bits)
      .def_property_readonly("n", &Histogram::n)
      .def_readonly("zeros", &Histogram::zeros)
      .def_readonly("nans", &Histogram::nans)
      .def_readonly("infs", &Histogram::infs)
      .def_readonly("max_key", &Histogram::max_key)
      .def_readonly("known_rms", &Histogram::known_rms)
      .def_property_readonly("max", &max_magnitude)
      .def_property_readonly("levels", [](const Histogram& h) { return end_levels(h).levels; })
      .def_property_readonly("at_max", [](const Histogram& h) { return end_levels(h).at_max; })
      .def_property_readonly("second", [](const Histogram& h) { return end_levels(h).second; })
      .def_property_readonly("lowest", [](const Histogram& h) { return end_levels(h).lowest; })
      .def_property_readonly("rms", [](const Histogram& h) { return root_mean_square(h, h.n()); })
      .def_property_readonly(
          "keys", [](const Self& self) { return view_of(self, self.cast<Histogram&>().keys); })
      .def_property_readonly(
          "counts", [](const Self& self) { return view_of(self, self.cast<Histogram&>().counts); })
      .def_property_readonly(
          "residuals",
          [](const Self& self) { return view_of(self, self.cast<Histogram&>().residuals); })
      .def("magnitudes", &magnitudes)
      .def("quantiles", &histogram_quantiles, py::arg("probabilities"))
      .def("fit", &fit, py::arg("trim"), py::arg("zeros"), py::arg("paper").none(true))
      .def("ks", &ks, py::arg("k"), py::arg("lam"))
      .def("merge", &checked_merge, py::arg("other"));
}

}  // namespace weightgauge::bindings
