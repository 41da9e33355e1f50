#include "bindings/bindings.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "Counting, selection and regression over weights; see the modules of weightgauge.";
  using namespace weightgauge::bindings;
  bind_fit(module);
  bind_histogram(module);
  bind_array(module);
  bind_scan_results(module);
  bind_scan(module);
  bind_feed(module);
  bind_derived(module);
  bind_info(module);
}
