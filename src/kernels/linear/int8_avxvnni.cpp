#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX_VNNI_TARGET, PARALLM_AVX_VNNI_TARGET)

#include "kernels/linear/int8_avx2.h"
#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

struct AvxVnni : Avx2Vectors {
  template <int kBits>
  static PARALLM_INLINE Ints dot(Ints sum, Codes codes, Codes x) {
    return (Ints)_mm256_dpbusd_avx_epi32(
        (__m256i)sum, (__m256i)codes, (__m256i)x);
  }
};

} // namespace

// 2 rows: 8 of 16 registers are whole sums, 4 are codes.
const TileKernels kInt8AvxVnni = int8_kernels_of<AvxVnni, 1, 2>();

} // namespace parallm

PARALLM_END_TARGET
#endif
