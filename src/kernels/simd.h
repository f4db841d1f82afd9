#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/instruction_set.h"

// Vectors of 16 floats for CPU kernels, in the compilers' own vector types, so
// that one source serves AVX-512, AVX2 and NEON. sum() adds the lanes in a
// fixed tree. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

inline constexpr int kLanes = 16;

using Floats = float __attribute__((vector_size(64), aligned(4)));
using Words = uint32_t __attribute__((vector_size(64), aligned(4)));
using Halves = uint16_t __attribute__((vector_size(32), aligned(2)));
using Bytes = uint8_t __attribute__((vector_size(16), aligned(1)));

// Vectors go by reference: passing them by value depends on the target.
#define PARALLM_INLINE inline __attribute__((always_inline))

template <class To, class From>
PARALLM_INLINE void bit_cast(To& to, const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  std::memcpy(&to, &from, sizeof(To));
}

PARALLM_INLINE float sum(const Floats& v) {
  float lane[kLanes];
  std::memcpy(lane, &v, sizeof(v));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) {
      lane[i] += lane[i + width];
    }
  }
  return lane[0];
}

constexpr int round_up(int n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

#if defined(__x86_64__)
#define PARALLM_AVX2_TARGET "avx2,fma,f16c"
#define PARALLM_AVX512_TARGET \
  "avx512f,avx512bw,avx512vl,avx512dq," PARALLM_AVX2_TARGET
#define PARALLM_AVX_VNNI_TARGET PARALLM_AVX2_TARGET ",avxvnni"
#define PARALLM_AVX512_VNNI_TARGET PARALLM_AVX512_TARGET ",avx512vnni"
#define PARALLM_AVX512_BF16_TARGET PARALLM_AVX512_TARGET ",avx512bf16"
#define PARALLM_ON_AVX2 __attribute__((target(PARALLM_AVX2_TARGET)))
#define PARALLM_ON_AVX512 __attribute__((target(PARALLM_AVX512_TARGET)))
#define PARALLM_ON_AVX512_BF16 \
  __attribute__((target(PARALLM_AVX512_BF16_TARGET)))
#endif

// A kernel is written once, as an always-inline `body(args)`, and compiled for
// each instruction set; the machine picks at run time.
#if defined(__x86_64__)
#define PARALLM_MULTIVERSION(name, body, Args)                     \
  PARALLM_ON_AVX512 void name##_avx512(const Args& args) {         \
    body(args);                                                    \
  }                                                                \
  PARALLM_ON_AVX2 void name##_avx2(const Args& args) {             \
    body(args);                                                    \
  }                                                                \
  void name##_baseline(const Args& args) {                         \
    body(args);                                                    \
  }                                                                \
  void name(const Args& args) {                                    \
    switch (::parallm::vector_set(::parallm::instruction_set())) { \
      case ::parallm::InstructionSet::kBaseline:                   \
        return name##_baseline(args);                              \
      case ::parallm::InstructionSet::kAvx2:                       \
        return name##_avx2(args);                                  \
      default:                                                     \
        return name##_avx512(args);                                \
    }                                                              \
  }
#else
#define PARALLM_MULTIVERSION(name, body, Args) \
  void name(const Args& args) {                \
    body(args);                                \
  }
#endif

// What lies between the two is compiled for an instruction set, which is said
// in the words of each compiler.
#define PARALLM_PRAGMA(words) _Pragma(#words)
#if defined(__clang__)
#define PARALLM_BEGIN_TARGET(gcc_words, clang_words) \
  PARALLM_PRAGMA(clang attribute push(               \
      __attribute__((target(clang_words))), apply_to = function))
#define PARALLM_END_TARGET PARALLM_PRAGMA(clang attribute pop)
#else
#define PARALLM_BEGIN_TARGET(gcc_words, clang_words) \
  PARALLM_PRAGMA(GCC push_options)                   \
  PARALLM_PRAGMA(GCC target(gcc_words))
#define PARALLM_END_TARGET PARALLM_PRAGMA(GCC pop_options)
#endif

} // namespace parallm::simd
