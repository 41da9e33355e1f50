// Each bind_<concept>.cpp adds one concept to the module: it converts, checks sizes, releases the
// GIL and calls the core. No algorithm lives here.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "core/fit/weibull.hpp"
#include "core/io/view.hpp"

namespace weightgauge::bindings {

void bind_array(pybind11::module_& module);
void bind_derived(pybind11::module_& module);
void bind_feed(pybind11::module_& module);
void bind_fit(pybind11::module_& module);
void bind_header(pybind11::module_& module);
void bind_histogram(pybind11::module_& module);
void bind_info(pybind11::module_& module);
void bind_scan(pybind11::module_& module);
void bind_scan_results(pybind11::module_& module);
void bind_text(pybind11::module_& module);

// A view of an array's memory. `owner` keeps the memory alive.
struct ArrayView {
  pybind11::object owner;
  const std::byte* memory = nullptr;
  View view;
};

// Throws std::invalid_argument for an unknown name. Python has checked it before.
Trim trim_from_name(const std::string& name);
Zeros zeros_from_name(const std::string& name);

}  // namespace weightgauge::bindings
