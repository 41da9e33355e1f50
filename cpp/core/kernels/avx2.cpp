#include "core/kernels/levels.hpp"

namespace weightgauge::avx2 {
#include "core/kernels/loops.inc"
//
#include "core/kernels/entries.inc"
}  // namespace weightgauge::avx2

namespace weightgauge {
constexpr Kernels avx2_kernels = avx2::made_here("avx2", avx2::entries_here);
}  // namespace weightgauge
