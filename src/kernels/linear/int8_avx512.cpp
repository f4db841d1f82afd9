#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX512_TARGET, PARALLM_AVX512_TARGET)

#include "kernels/linear/int8_avx512.h"
#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

struct Avx512 : Avx512Vectors {
  // Sums of two products fit 16 bits as long as a code has at most 7.
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    if constexpr (kBits == 8) {
      const Ints high = dot<4>(Ints{}, codes >> 4 & 0x0f0f0f0fu, x);
      return dot<4>(sum, codes & 0x0f0f0f0fu, x) + (high << 4);
    } else {
      const auto pairs = _mm512_maddubs_epi16((__m512i)codes, (__m512i)x);
      return sum + (Ints)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
    }
  }
};

} // namespace

const TileKernels kInt8Avx512 = int8_kernels_of<Avx512, 1, 2, 4, 6, 8>();

} // namespace parallm

PARALLM_END_TARGET
#endif
