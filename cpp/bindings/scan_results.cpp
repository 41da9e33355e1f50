#include "bindings/scan_results.hpp"

#include <pybind11/stl.h>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

py::array_t<SliceNumbers> ScanResults::numbers() const {
  py::array_t<SliceNumbers> table(static_cast<py::ssize_t>(slices_.size()));
  SliceNumbers* row = table.mutable_data();
  for (const SliceResult& slice : slices_) {
    const Fit& fit = slice.fit;
    const Histogram& totals = slice.histogram;
    *row++ = {fit.k,
              fit.k_se,
              fit.lambda,
              fit.ln_lambda_se,
              fit.r2,
              fit.ks,
              slice.rms,
              slice.max,
              slice.n,
              totals.zeros,
              totals.nans + totals.infs,
              static_cast<std::uint8_t>(fit.status),
              slice.exact,
              slice.notes.negatives,
              slice.notes.zero_pages,
              slice.ends.levels,
              slice.ends.at_max,
              slice.ends.second,
              slice.ends.lowest,
              slice.digest.value_or(slice.notes.page_sum),
              slice.digest.has_value(),
              slice.matrix.k_se,
              slice.matrix.ln_lambda_se,
              static_cast<std::uint8_t>(slice.matrix.basis),
              slice.matrix.fresh_z,
              slice.matrix.rows,
              slice.matrix.columns,
              slice.matrix.core,
              slice.matrix.empty.rows,
              slice.matrix.empty.columns,
              slice.unused.rows,
              slice.unused.k_of_others,
              slice.far_out,
              slice.matrix.row_levels,
              slice.large.rows,
              slice.large.columns};
  }
  return table;
}

void bind_scan_results(py::module_& module) {
  PYBIND11_NUMPY_DTYPE(SliceNumbers, k, k_se, lam, ln_lambda_se, r2, ks, rms, max, n, zeros,
                       nonfinite, status, exact, negatives, zero_blocks, levels, at_max, second,
                       lowest, digest, digested, k_se_matrix, ln_lambda_se_matrix, errors_basis,
                       fresh_z, spread_rows, spread_columns, spread_core, zero_rows, zero_columns,
                       unused_rows, k_without_unused, far_out, row_levels, large_rows,
                       large_columns);
  module.def(
      "numbers_dtype", [] { return py::dtype::of<SliceNumbers>(); },
      "Element type of the tables that ScanResults.numbers returns.");
  module.def("digest_of", &digest_of, py::arg("page_sum"), py::arg("nbytes"),
             "Digest of a tensor from the sum of its pages' words.");
  py::class_<ScanResults>(module, "ScanResults")
      .def("__len__", &ScanResults::size)
      .def("numbers", &ScanResults::numbers)
      .def("quantiles", &ScanResults::quantiles, py::arg("index"))
      .def("take_histogram", &ScanResults::take_histogram, py::arg("index"));
}

}  // namespace weightgauge::bindings
