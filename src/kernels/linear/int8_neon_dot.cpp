#include "kernels/linear/int8_sets.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET("arch=armv8.2-a+dotprod", "dotprod")

#include "kernels/linear/int8_kernel.h"
#include "kernels/linear/int8_neon.h"

namespace parallm {
namespace {

struct NeonDot : NeonVectors {
  static PARALLM_INLINE Ints add_dot(Ints sum, int8x16_t codes, int8x16_t x) {
    return vdotq_s32(sum, codes, x);
  }
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    return dot_of_signed_codes<NeonDot, kBits>(sum, codes, x);
  }
};

} // namespace

// 2 rows: 16 of 32 registers are whole sums, 8 are codes.
const TileKernels kInt8NeonDot = int8_kernels_of<NeonDot, 1, 2, 3, 4>();

} // namespace parallm

PARALLM_END_TARGET
#endif
