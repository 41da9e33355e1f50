#include <immintrin.h>

#include "core/kernels/levels.hpp"

namespace weightgauge::avx512 {
#include "core/kernels/avx512.inc"
}  // namespace weightgauge::avx512

namespace weightgauge {
constexpr Kernels avx512_kernels = avx512::made_here("avx512");
}  // namespace weightgauge
