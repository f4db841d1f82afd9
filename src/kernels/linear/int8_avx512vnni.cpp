#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX512_VNNI_TARGET, PARALLM_AVX512_VNNI_TARGET)

#include "kernels/linear/int8_avx512.h"
#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

struct Avx512Vnni : Avx512Vectors {
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)codes, (__m512i)x);
  }
};

} // namespace

// 8 rows: 16 registers of whole sums, 2 of codes, 1 of x; the float32 sums stay
// in the first cache. With 12 rows the compiler spills, and it is slower.
const TileKernels kInt8Avx512Vnni =
    int8_kernels_of<Avx512Vnni, 1, 2, 4, 6, 8>();

} // namespace parallm

PARALLM_END_TARGET
#endif
