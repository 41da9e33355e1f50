// The kernels of the instruction set that is in use, and how it is chosen.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

// The cell in which a pair of bytes is counted; the second byte is in the upper eight bits. The
// cells form rows of 256. If only a narrow part of each row is used, all of these parts fall into
// few sets of the first-level cache. So each row is turned by its own number.
constexpr std::size_t turned_cell(unsigned pair) { return pair ^ ((pair >> 4) & 0x00F0U); }

// The kernels that run on this processor, from the plainest to the widest.
std::vector<const Kernels*> available_kernels();
// The widest kernels, unless the environment variable WEIGHTGAUGE_KERNELS names a level or
// use_kernels() has been called. Throws std::invalid_argument if the variable does not name a level
// that runs here.
const Kernels& kernels();
// Chooses a level by its name, as in the environment variable. Results never depend on it.
void use_kernels(const std::string& level);

}  // namespace weightgauge
