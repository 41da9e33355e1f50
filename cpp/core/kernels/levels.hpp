// The instruction sets for which the loops are compiled.
#pragma once

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;    // for AVX2, BMI and BMI2
extern const Kernels avx512_kernels;  // for these and AVX-512 F, BW, DQ and VL
#endif

}  // namespace weightgauge
