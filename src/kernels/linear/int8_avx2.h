#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/floats.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX2_TARGET, PARALLM_AVX2_TARGET)

// What the AVX2 sets have in common. Their files include what is above before
// they say the set.
namespace parallm {
namespace {

struct Avx2Vectors {
  using Codes = uint32_t __attribute__((vector_size(32)));
  using Ints = int32_t __attribute__((vector_size(32)));
  using Floats = float __attribute__((vector_size(32)));

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
} // namespace parallm

PARALLM_END_TARGET
#endif
