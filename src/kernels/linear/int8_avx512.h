#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/floats.h"

PARALLM_BEGIN_TARGET(PARALLM_AVX512_TARGET, PARALLM_AVX512_TARGET)

// What the AVX-512 sets have in common. Their files include what is above
// before they say the set.
namespace parallm {
namespace {

struct Avx512Vectors {
  using Codes = uint32_t __attribute__((vector_size(64)));
  using Ints = int32_t __attribute__((vector_size(64)));
  using Floats = float __attribute__((vector_size(64)));

  static PARALLM_INLINE Codes look_up(const int8_t* table, Codes at) {
    const auto lane = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return (Codes)_mm512_shuffle_epi8(
        _mm512_broadcast_i32x4(lane), (__m512i)at);
  }
  static PARALLM_INLINE Floats add_product(Floats sum, Floats a, Floats b) {
    return _mm512_fmadd_ps(a, b, sum);
  }
  static PARALLM_INLINE Floats widen(FloatType type, const void* from) {
    if (type == FloatType::kF32) {
      return _mm512_loadu_ps(from);
    }
    const auto halves = _mm256_loadu_si256(static_cast<const __m256i*>(from));
    if (type == FloatType::kF16) {
      return _mm512_cvtph_ps(halves);
    }
    return _mm512_castsi512_ps(
        _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
};

} // namespace
} // namespace parallm

PARALLM_END_TARGET
#endif
