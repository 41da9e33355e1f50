#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <memory>
#include <stdexcept>
#include <utility>

#include "bindings/bindings.hpp"
#include "bindings/constructing.hpp"
#include "core/fit/paper.hpp"
#include "core/scan/options.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

Trim trim_from_name(const std::string& name) {
  if (name == "mid_80") {
    return Trim::mid_80;
  }
  if (name == "mid_90") {
    return Trim::mid_90;
  }
  if (name == "full") {
    return Trim::full;
  }
  throw std::invalid_argument("unknown trim '" + name + "'");
}

Zeros zeros_from_name(const std::string& name) {
  if (name == "exclude") {
    return Zeros::exclude;
  }
  if (name == "censor") {
    return Zeros::censor;
  }
  throw std::invalid_argument("unknown treatment of zeros '" + name + "'");
}

namespace {

const char* status_name(FitStatus status) {
  switch (status) {
    case FitStatus::ok:
      return "ok";
    case FitStatus::empty:
      return "empty";
    case FitStatus::too_few:
      return "too_few";
    case FitStatus::few_magnitudes:
      return "few_magnitudes";
    case FitStatus::flat_window:
      return "flat_window";
    case FitStatus::few_bins:
      return "few_bins";
    case FitStatus::censored:
      return "censored";
  }
  return "ok";
}

// The names of the statuses. Fits and tables of fits hold a status as an index into this list.
std::vector<std::string> fit_statuses() {
  std::vector<std::string> names;
  for (int status = 0; status <= static_cast<int>(FitStatus::censored); ++status) {
    names.emplace_back(status_name(static_cast<FitStatus>(status)));
  }
  return names;
}

using Thresholds = py::array_t<std::uint32_t, py::array::c_style | py::array::forcecast>;

std::shared_ptr<PaperBins> make_paper_bins(const Thresholds& thresholds) {
  return std::make_shared<PaperBins>(
      std::vector<std::uint32_t>(thresholds.data(), thresholds.data() + thresholds.size()));
}

}  // namespace

void bind_fit(py::module_& module) {
  py::class_<Fit>(module, "Fit")
      .def_property_readonly("status", [](const Fit& fit) { return static_cast<int>(fit.status); })
      .def_readonly("k", &Fit::k)
      .def_readonly("lam", &Fit::lambda)
      .def_readonly("r2", &Fit::r2)
      .def_readonly("ks", &Fit::ks)
      .def_readonly("k_se", &Fit::k_se)
      .def_readonly("ln_lambda_se", &Fit::ln_lambda_se)
      .def_readonly("error_bound", &Fit::error_bound)
      .def_readonly("ks_shortfall", &Fit::ks_shortfall);
  py::class_<PaperBins, std::shared_ptr<PaperBins>>(module, "PaperBins")
      .def("__init__", constructed_by(&make_paper_bins), py::detail::is_new_style_constructor(),
           py::arg("thresholds"));
  module.def("fit_statuses", &fit_statuses,
             "What the numbers mean that fits have as their status.");
  module.def(
      "fit_tolerances", [] { return std::make_pair(fit_tolerance, ks_tolerance); },
      "What fits of arrays from bins keep to: relative for k, lambda and R2; and for KS.");
}

}  // namespace weightgauge::bindings
