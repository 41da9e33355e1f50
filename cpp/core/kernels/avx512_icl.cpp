#include <immintrin.h>

#include "core/kernels/levels.hpp"

namespace weightgauge::avx512_icl {
#include "core/kernels/avx512.inc"
}  // namespace weightgauge::avx512_icl

namespace weightgauge {
constexpr Kernels avx512_icl_kernels = avx512_icl::made_here("avx512_icl");
}  // namespace weightgauge
