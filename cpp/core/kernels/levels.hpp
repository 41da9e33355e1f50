// The instruction sets for which the loops are compiled.
#pragma once

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;    // AVX2, BMI, BMI2
extern const Kernels avx512_kernels;  // and AVX-512 F, BW, DQ, VL
#endif

}  // namespace weightgauge
