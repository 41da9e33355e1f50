#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

#include "bindings/bindings.hpp"

namespace py = pybind11;

namespace weightgauge::bindings {

namespace {

// Cycles per second, from a chain of operations that each wait one cycle for the one before. A few
// milliseconds at most; the fastest of several tries, for what else the machine does.
double measure_clock() {
  constexpr int links = 16;
  constexpr int rounds = 1 << 15;
  double fastest = 0;
  for (int trial = 0; trial < 8; ++trial) {
    std::uint64_t value = 1;
    std::uint64_t other = 2;
    const auto begin = std::chrono::steady_clock::now();
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
      for (int link = 0; link < links; ++link) {
        value ^= other;
        __asm__ volatile("" : "+r"(value), "+r"(other));  // nothing is known of either any more
      }
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fastest = std::max(fastest, links * static_cast<double>(rounds) / took.count());
  }
  return fastest;
}

// The least that a table of counts costs: one increment for each of n elements, in cells that stay
// in the first-level cache, the next one always in another line than those before it.
void increment_cells(std::uint64_t n) {
  constexpr std::uint32_t cells = 1024;
  constexpr std::uint32_t step = 17;  // of the 64 lines every one once, and no power of two
  constexpr std::uint64_t together = 16;
  const py::gil_scoped_release release;
  std::array<std::uint32_t, cells + step * together> table{};
  std::uint32_t* cell = table.data();
  for (std::uint64_t i = 0; i < n; i += together) {
#pragma GCC unroll 16
    for (std::uint32_t j = 0; j < together; ++j) {
      ++cell[j * step];
    }
    cell = table.data() + (i * 29) % cells;
    __asm__ volatile("" : : "r"(cell) : "memory");  // what has been counted may be looked at
  }
}

}  // namespace

void bind_machine(py::module_& module) {
  module.def("measure_clock", &measure_clock, "Clock of this processor in Hz, as measured now.");
  module.def("increment_cells", &increment_cells, py::arg("n"),
             "Do n increments of cells in the first-level cache, and nothing else.");
}

}  // namespace weightgauge::bindings
