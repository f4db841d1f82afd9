#pragma once

#include "kernels/floats.h"

// The machine's own products of pairs of bfloat16. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

#if defined(__x86_64__)
// Two products in each lane, each exact, added one after the other. An
// instruction of AVX-512 BF16 alone.
PARALLM_INLINE void add_pair_products(
    Floats& sums, const Words& x, const Words& y) {
  Floats next = sums; // in a register
  asm("vdpbf16ps %2, %1, %0" : "+v"(next) : "v"(x), "v"(y));
  sums = next;
}
#endif

} // namespace parallm::simd
