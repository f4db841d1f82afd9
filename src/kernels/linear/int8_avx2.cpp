#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX2_TARGET, PARALLM_AVX2_TARGET)

#include "kernels/linear/int8_avx2.h"
#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

struct Avx2 : Avx2Vectors {
  // Sums of two products fit 16 bits as long as a code has at most 7.
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    if constexpr (kBits == 8) {
      const Ints high = dot<4>(Ints{}, codes >> 4 & 0x0f0f0f0fu, x);
      return dot<4>(sum, codes & 0x0f0f0f0fu, x) + (high << 4);
    } else {
      const auto pairs = _mm256_maddubs_epi16((__m256i)codes, (__m256i)x);
      return sum + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
    }
  }
};

} // namespace

// 2 rows: 8 of 16 registers are whole sums, 4 are codes.
const TileKernels kInt8Avx2 = int8_kernels_of<Avx2, 1, 2>();

} // namespace parallm

PARALLM_END_TARGET
#endif
