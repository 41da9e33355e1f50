#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/kernels/levels.hpp"

namespace weightgauge::portable {
#include "core/kernels/loops.inc"
}  // namespace weightgauge::portable

namespace weightgauge {
constexpr Kernels portable_kernels = portable::made_here("portable");
}  // namespace weightgauge
