#include <immintrin.h>

#include "core/kernels/levels.hpp"

namespace weightgauge::avx2 {
#include "core/kernels/loops.inc"
}  // namespace weightgauge::avx2

namespace weightgauge {
constexpr Kernels avx2_kernels = avx2::made_here("avx2");
}  // namespace weightgauge
