// The kernels of the instruction set that is in use, and how it is chosen.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

// The cell in which a pair of bytes without signs is counted; the second byte is in the upper eight
// bits. In rows of 256 cells, narrow parts of rows, and columns of pairs with a common code, would
// fall into few sets of the first-level cache. So a row begins 272 cells behind the one before: an
// odd number of cache lines. No cell is one of the spare ones (see CommonCodes).
constexpr std::size_t skewed_cell(unsigned pair) { return pair + ((pair >> 4) & 0x07F0U); }
constexpr std::size_t skewed_cells = skewed_cell(0x7F7F) + 1;
static_assert(skewed_cell(0x787F) < spare_cell);
static_assert(skewed_cell(0x7900) >= spare_cell + spare_cells);

// The kernels that run on this processor, from the plainest to the widest.
std::vector<const Kernels*> available_kernels();
// The widest kernels, unless the environment variable WEIGHTGAUGE_KERNELS names a level or
// use_kernels() has been called. Throws std::invalid_argument if the variable does not name a level
// that runs here.
const Kernels& kernels();
// Chooses a level by its name, as in the environment variable. Results never depend on it.
void use_kernels(const std::string& level);

}  // namespace weightgauge
