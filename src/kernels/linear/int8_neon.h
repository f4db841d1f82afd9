#pragma once

#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstring>

#include "kernels/floats.h"

// What the NEON sets have in common. Their files include what is above before
// they say the set.
namespace parallm {
namespace {

struct NeonVectors {
  using Codes = uint32x4_t;
  using Ints = int32x4_t;
  using Floats = float32x4_t;

  static PARALLM_INLINE Codes look_up(const int8_t* table, Codes at) {
    return (Codes)vqtbl1q_s8(vld1q_s8(table), (uint8x16_t)at);
  }
  static PARALLM_INLINE Floats add_product(Floats sum, Floats a, Floats b) {
    return vfmaq_f32(sum, a, b);
  }
  static PARALLM_INLINE Floats widen(FloatType type, const void* from) {
    Floats out;
    if (type == FloatType::kF32) {
      std::memcpy(&out, from, sizeof(out));
      return out;
    }
    uint16x4_t halves;
    std::memcpy(&halves, from, sizeof(halves));
    return type == FloatType::kF16 ? vcvt_f32_f16((float16x4_t)halves)
                                   : (Floats)vshll_n_u16(halves, 16);
  }
};

// Codes of 8 bits as bytes with a sign, 128 less. What is missing then, 128
// times the sum of x, is the same for all outputs: a compiler computes it once.
template <class Isa, int kBits>
PARALLM_INLINE typename Isa::Ints dot_of_signed_codes(
    typename Isa::Ints sum, typename Isa::Codes codes, typename Isa::Codes x) {
  const auto four = (int8x16_t)x;
  if constexpr (kBits == 8) {
    const auto missing = Isa::add_dot(vdupq_n_s32(0), vdupq_n_s8(1), four);
    const auto lowered = (int8x16_t)(codes ^ 0x80808080u);
    return Isa::add_dot(sum + (missing << 7), lowered, four);
  } else {
    return Isa::add_dot(sum, (int8x16_t)codes, four);
  }
}

} // namespace
} // namespace parallm
#endif
