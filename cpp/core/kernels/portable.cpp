#include "core/kernels/levels.hpp"

namespace weightgauge::portable {
#include "core/kernels/loops.inc"
//
#include "core/kernels/entries.inc"
}  // namespace weightgauge::portable

namespace weightgauge {
constexpr Kernels portable_kernels = portable::made_here("portable", portable::entries_here);
}  // namespace weightgauge
