// The instruction sets for which the loops are compiled.
#pragma once

#include "core/kernels/kernel_table.hpp"

namespace weightgauge {

extern const Kernels portable_kernels;
#if defined(__x86_64__)
extern const Kernels avx2_kernels;    // for AVX2, BMI and BMI2
extern const Kernels avx512_kernels;  // for these and AVX-512 F, BW, DQ and VL
// For these and what came with Ice Lake and Zen 4: AVX-512 VPOPCNTDQ and BITALG, and GFNI.
extern const Kernels avx512_icl_kernels;
#endif

}  // namespace weightgauge
