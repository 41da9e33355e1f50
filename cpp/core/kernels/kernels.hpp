// The kernels of the instruction set that is in use, and the choice between those there are.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

// Another cell for each pair of bytes, the second in the upper eight bits. Pairs that occur lie in
// rows of 256 cells, and rows whose common part is narrow fall into few sets of the first-level
// cache; so each row is turned by its own number.
constexpr std::size_t turned_cell(unsigned pair) { return pair ^ ((pair >> 4) & 0x00F0U); }

// What runs on this processor, from the plainest to the widest.
std::vector<const Kernels*> available_kernels();
// The widest, unless the environment variable WEIGHTGAUGE_KERNELS names a level or use_kernels()
// has been called. Throws std::invalid_argument where the variable names none that runs here.
const Kernels& kernels();
// `level` as in the environment variable. Results never depend on it.
void use_kernels(const std::string& level);

}  // namespace weightgauge
