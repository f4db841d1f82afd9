#include "kernels/linear/int8_sets.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

#include "kernels/linear/int8_kernel.h"
#include "kernels/linear/int8_neon.h"

namespace parallm {
namespace {

// What every AArch64 has.
struct Neon : NeonVectors {
  // Sums of two products fit 16 bits: 2 * 128 * 127 is the most.
  static PARALLM_INLINE Ints add_dot(Ints sum, int8x16_t codes, int8x16_t x) {
    const auto low = vmull_s8(vget_low_s8(codes), vget_low_s8(x));
    const auto high = vmull_high_s8(codes, x);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
  }
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    return dot_of_signed_codes<Neon, kBits>(sum, codes, x);
  }
};

} // namespace

const TileKernels kInt8Neon = int8_kernels_of<Neon, 1, 2, 3, 4>();

} // namespace parallm
#endif
