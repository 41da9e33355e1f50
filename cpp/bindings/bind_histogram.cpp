#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stdexcept>

#include "bindings/bindings.hpp"
#include "core/fit/ks.hpp"
#include "core/fit/paper.hpp"
#include "core/histogram/histogram.hpp"
#include "core/scan/workspace.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

using Words = py::array_t<std::uint64_t, py::array::c_style | py::array::forcecast>;

std::vector<std::uint64_t> vector_of(const Words& words) {
  return {words.data(), words.data() + words.size()};
}

// Largest key a finite magnitude can have.
std::uint64_t last_key(DType dtype) {
  if (is_wide(dtype) || is_16_bit(dtype)) {
    return first_nonfinite_key(dtype) - 1;
  }
  const CodeTable& codes = code_table(dtype);
  std::uint64_t last = 0;
  for (const CodeMeaning& meaning : codes.meaning) {
    if (meaning.magnitude == Magnitude::finite) {
      last = std::max<std::uint64_t>(last, meaning.key);
    }
  }
  return last;
}

// Everything a scan guarantees is checked again: the numbers may come from a file.
Histogram make_histogram(const std::string& dtype, int dropped_bits, const Words& keys,
                         const Words& counts, const Words& residuals, std::uint64_t zeros,
                         std::uint64_t nans, std::uint64_t infs, std::uint64_t max_key) {
  Histogram result(dtype_from_name(dtype));
  result.dropped_bits = dropped_bits;
  if (dropped_bits != 0 &&
      (!is_wide(result.dtype) || dropped_bits != binned_dropped_bits(result.dtype))) {
    throw std::invalid_argument("unknown resolution of the bins");
  }
  result.keys = vector_of(keys);
  result.counts = vector_of(counts);
  result.residuals = vector_of(residuals);
  result.zeros = zeros;
  result.nans = nans;
  result.infs = infs;
  result.max_key = max_key;
  const std::size_t size = result.keys.size();
  if (result.counts.size() != size || result.residuals.size() != (dropped_bits == 0 ? 0 : size)) {
    throw std::invalid_argument("keys, counts and residuals differ in length");
  }
  const std::uint64_t last = last_key(result.dtype);
  const std::uint64_t first = result.dtype == DType::f8_e8m0 || dropped_bits != 0 ? 0 : 1;
  const std::uint64_t most =
      dropped_bits == 0 ? 0 : ((1ULL << dropped_bits) - 1) >> residual_shift(result.dtype);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const bool ascending = i == 0 || result.keys[i] > result.keys[i - 1];
    if (!ascending || result.keys[i] < first || result.keys[i] > (last >> dropped_bits)) {
      throw std::invalid_argument("keys are not ascending magnitudes of the element format");
    }
    const std::uint64_t count = result.counts[i];
    if (count == 0 || count > (1ULL << 62) || total + count > (1ULL << 62)) {
      throw std::invalid_argument("counts are not positive, or too large");
    }
    total += count;
    if (dropped_bits != 0 && static_cast<double>(result.residuals[i]) >
                                 static_cast<double>(count) * static_cast<double>(most)) {
      throw std::invalid_argument("a bin's mean lies outside the bin");
    }
  }
  constexpr std::uint64_t most_apart = 1ULL << 62;
  if (result.dtype == DType::f4_unpacked || zeros > most_apart || nans > most_apart ||
      infs > most_apart || (size == 0 && max_key != 0)) {
    throw std::invalid_argument("the totals are not those of a histogram");
  }
  if (size > 0 && (max_key > last || (max_key >> dropped_bits) != result.keys.back())) {
    throw std::invalid_argument("the largest magnitude does not lie in the last bin");
  }
  return result;
}

// A view into the histogram's own memory; the histogram lives as long as the array does.
py::array view_of(const py::object& owner, const std::vector<std::uint64_t>& words) {
  py::array_t<std::uint64_t> array({static_cast<py::ssize_t>(words.size())}, {8}, words.data(),
                                   owner);
  array.attr("setflags")(py::arg("write") = false);
  return array;
}

py::array_t<double> magnitudes(const Histogram& histogram) {
  py::array_t<double> result(static_cast<py::ssize_t>(histogram.size()));
  double* out = result.mutable_data();
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    out[i] = entry_at(histogram, i).mean;
  }
  return result;
}

std::vector<double> quantiles(const Histogram& histogram,
                              const std::vector<double>& probabilities) {
  const std::uint64_t n = histogram.n();
  std::vector<double> result(probabilities.size(), std::numeric_limits<double>::quiet_NaN());
  if (n == 0) {
    return result;
  }
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return probabilities[a] < probabilities[b]; });
  std::vector<std::uint64_t> ranks;
  for (const std::size_t i : order) {
    ranks.push_back(inverted_cdf_rank(probabilities[i], n));
  }
  const std::vector<double> ascending = magnitudes_at(histogram, ranks);
  for (std::size_t i = 0; i < order.size(); ++i) {
    result[order[i]] = ascending[i];
  }
  return result;
}

Fit fit(const Histogram& histogram, const std::string& trim, const PaperBins* paper) {
  const Trim window = trim_from_name(trim);
  const py::gil_scoped_release release;
  LentWorkspace workspace;
  const Fit result = fit_with_protocol(
      histogram, histogram.n(), window,
      paper == nullptr ? PaperCounts() : paper_counts(histogram, *paper), workspace->fit);
  workspace.give_back();
  return result;
}

double ks(const Histogram& histogram, double k, double lambda) {
  return ks_distance(histogram, k, LogScale{scaled(lambda), 0});
}

Histogram merge(const Histogram& a, const Histogram& b) {
  constexpr std::uint64_t most = 1ULL << 62;
  if (a.n() + b.n() > most || a.zeros + b.zeros > most) {
    throw std::overflow_error("more elements than a histogram counts");
  }
  return merged(a, b);
}

double max_magnitude(const Histogram& histogram) {
  if (histogram.size() > 0) {
    return magnitude_value(histogram.dtype, histogram.max_key);
  }
  return histogram.zeros > 0 ? 0.0 : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void bind_histogram(py::module_& module) {
  using Self = py::object;
  py::class_<Histogram>(module, "Histogram")
      .def(py::init(&make_histogram), py::kw_only(), py::arg("dtype"), py::arg("dropped_bits"),
           py::arg("keys"), py::arg("counts"), py::arg("residuals"), py::arg("zeros"),
           py::arg("nans"), py::arg("infs"), py::arg("max_key"))
      .def_property_readonly("dtype", [](const Histogram& h) { return dtype_name(h.dtype); })
      .def_readonly("dropped_bits", &Histogram::dropped_bits)
      .def_property_readonly("n", &Histogram::n)
      .def_readonly("zeros", &Histogram::zeros)
      .def_readonly("nans", &Histogram::nans)
      .def_readonly("infs", &Histogram::infs)
      .def_readonly("max_key", &Histogram::max_key)
      .def_property_readonly("max", &max_magnitude)
      .def_property_readonly("rms", [](const Histogram& h) { return root_mean_square(h, h.n()); })
      .def_property_readonly(
          "keys", [](const Self& self) { return view_of(self, self.cast<Histogram&>().keys); })
      .def_property_readonly(
          "counts", [](const Self& self) { return view_of(self, self.cast<Histogram&>().counts); })
      .def_property_readonly(
          "residuals",
          [](const Self& self) { return view_of(self, self.cast<Histogram&>().residuals); })
      .def("magnitudes", &magnitudes)
      .def("quantiles", &quantiles, py::arg("probabilities"))
      .def("fit", &fit, py::arg("trim"), py::arg("paper").none(true))
      .def("ks", &ks, py::arg("k"), py::arg("lam"))
      .def("merge", &merge, py::arg("other"));
}

}  // namespace weightgauge::bindings
