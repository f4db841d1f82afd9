#include "kernels/linear/int8_sets.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET("arch=armv8.2-a+dotprod+i8mm", "dotprod,i8mm")

#include "kernels/linear/int8_kernel.h"
#include "kernels/linear/int8_neon.h"

namespace parallm {
namespace {

struct NeonI8mm : NeonVectors {
  template <int>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    return vusdotq_s32(sum, (uint8x16_t)codes, (int8x16_t)x);
  }
};

} // namespace

const TileKernels kInt8NeonI8mm = int8_kernels_of<NeonI8mm, 1, 2, 3, 4>();

} // namespace parallm

PARALLM_END_TARGET
#endif
