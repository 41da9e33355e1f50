#include <pybind11/stl.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/bindings.hpp"
#include "core/base/processors.hpp"
#include "core/base/region.hpp"
#include "core/kernels/kernels.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

py::dict build_info() {
  py::dict info;
  info["version"] = WEIGHTGAUGE_VERSION;
#if defined(__clang__)
  info["compiler"] = "clang " __clang_version__;
#elif defined(__GNUC__)
  info["compiler"] = "gcc " __VERSION__;
#else
  info["compiler"] = "unknown";
#endif
  info["cplusplus"] = static_cast<long>(__cplusplus);
#if defined(__x86_64__)
  info["architecture"] = "x86_64";
#elif defined(__aarch64__)
  info["architecture"] = "aarch64";
#else
  info["architecture"] = "other";
#endif
  std::string levels;
  for (const Kernels* candidate : available_kernels()) {
    levels += (levels.empty() ? "" : ", ") + std::string(candidate->level);
  }
  info["kernels"] = kernels().level;
  info["kernels_available"] = levels;
#if defined(NDEBUG)
  info["assertions"] = false;
#else
  info["assertions"] = true;
#endif
  return info;
}

std::tuple<std::string, std::string, std::vector<std::vector<int>>> runtime_of_threads() {
  ThreadRuntime runtime = thread_runtime();
  return {std::move(runtime.name), std::move(runtime.bind), std::move(runtime.places)};
}

}  // namespace

void bind_info(py::module_& module) {
  module.def("build_info", &build_info, "How this extension was built.");
  module.def("use_kernels", &use_kernels, py::arg("level"),
             "Count with the kernels of one instruction set from now on; results never differ.");
  module.def("processor_budget", &processor_budget,
             "Processors this process may use: affinity mask, cgroup quota, limit of threads.");
  module.def("thread_runtime", &runtime_of_threads,
             "What runs the threads, whether it binds them, and the processors of each place.");
}

}  // namespace weightgauge::bindings
