#include "kernels/linear/int8_sets.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "kernels/linear/packed_numbers.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX2_TARGET, PARALLM_AVX2_TARGET)

#include "kernels/linear/int8_kernel.h"

namespace parallm {
namespace {

struct Avx2 {
  using Codes = uint32_t __attribute__((vector_size(32)));
  using Ints = int32_t __attribute__((vector_size(32)));
  using Floats = float __attribute__((vector_size(32)));

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
  static PARALLM_INLINE Codes look_up(const int8_t* table, Codes at) {
    const auto lane = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return (Codes)_mm256_shuffle_epi8(
        _mm256_broadcastsi128_si256(lane), (__m256i)at);
  }
  static PARALLM_INLINE Floats add_product(Floats sum, Floats a, Floats b) {
    return _mm256_fmadd_ps(a, b, sum);
  }
  static PARALLM_INLINE Floats widen(FloatType type, const void* from) {
    if (type == FloatType::kF32) {
      return _mm256_loadu_ps(static_cast<const float*>(from));
    }
    const auto halves = _mm_loadu_si128(static_cast<const __m128i*>(from));
    if (type == FloatType::kF16) {
      return _mm256_cvtph_ps(halves);
    }
    return _mm256_castsi256_ps(
        _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
};

} // namespace

// 2 rows: 8 of 16 registers are whole sums, 4 are codes.
const TileKernels kInt8Avx2 = int8_kernels_of<Avx2, 1, 2>();

} // namespace parallm

PARALLM_END_TARGET
#endif
