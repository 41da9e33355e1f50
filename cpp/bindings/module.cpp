#include "bindings/bindings.hpp"

// Nothing here relies on Python's global lock. Calls share no object that changes, except for those
// that the core itself guards.
PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  module.doc() = "Counting, selection and regression over weights; see the modules of weightgauge.";
  using namespace weightgauge::bindings;
  bind_fit(module);
  bind_histogram(module);
  bind_array(module);
  bind_scan_results(module);
  bind_scan(module);
  bind_feed(module);
  bind_derived(module);
  bind_header(module);
  bind_text(module);
  bind_info(module);
}
