#pragma once

#include "kernels/linear/tile.h"

// The instruction sets that have kernels of their own, a file each.
namespace parallm {

extern const TileKernels kInt8Baseline;
#if defined(__x86_64__)
extern const TileKernels kInt8Avx2;
extern const TileKernels kInt8AvxVnni;
extern const TileKernels kInt8Avx512;
extern const TileKernels kInt8Avx512Vnni;
extern const TileKernels kInt8Amx;
#elif defined(__aarch64__)
extern const TileKernels kInt8Neon;
extern const TileKernels kInt8NeonDot;
extern const TileKernels kInt8NeonI8mm;
#endif

} // namespace parallm
