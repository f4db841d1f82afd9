#include "kernels/peak_loops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <array>

#include "kernels/amx_registers.h"
#include "kernels/simd.h"

// Every loop has as many sums as hide the time that one product takes, each
// with a factor of its own, so that the compiler cannot make one of several.
// The other factor comes from the first cache, as a kernel's would.
namespace parallm {
namespace {

constexpr int kVector = 64; // bytes, the widest
constexpr int kInputs = 64; // vectors, 4 KiB

struct Inputs {
  alignas(kVector) std::array<uint8_t, kInputs * kVector> bytes;
};

// As floats and as bfloat16 just below 1, so that no sum grows without end; as
// bytes 63 and 127.
const Inputs& inputs() {
  static const Inputs made = [] {
    Inputs in;
    for (size_t i = 0; i < in.bytes.size(); ++i) {
      in.bytes[i] = i % 2 == 0 ? 127 : 63;
    }
    return in;
  }();
  return made;
}

// Where the compiler does not see that all are alike, and makes one sum of all.
const uint8_t* hidden_inputs() {
  const uint8_t* bytes = inputs().bytes.data();
  asm volatile("" : "+r"(bytes));
  return bytes;
}

using Floats4 = float __attribute__((vector_size(16), aligned(4)));
using Floats8 = float __attribute__((vector_size(32), aligned(4)));
using Floats16 = float __attribute__((vector_size(64), aligned(4)));

// All of them count as used, and can stay in registers until then.
template <class Vector, int kSums>
PARALLM_INLINE void keep_sums(const Vector (&sums)[kSums]) {
  for (int s = 0; s < kSums; ++s) {
    const Vector last = sums[s];
    keep(&last);
  }
}

template <class Floats, int kSums>
PARALLM_INLINE void f32_body(const uint8_t* in, int64_t steps) {
  Floats sums[kSums] = {}, factors[kSums];
  std::memcpy(factors, in, sizeof(factors));
  for (int64_t i = 0; i < steps; ++i) {
    Floats x;
    std::memcpy(&x, in + i % kInputs * kVector, sizeof(x));
#pragma GCC unroll 16
    for (int s = 0; s < kSums; ++s) {
      sums[s] = sums[s] * factors[s] + x;
    }
  }
  keep_sums(sums);
}

// A loop of dot products, with add_products(sum, x, factor). A template would
// not have the instructions of the function that it becomes part of.
#define PARALLM_DOT_LOOP(name, Sum, Factor, kSums, add_products) \
  void name(int64_t steps) {                                     \
    const uint8_t* in = hidden_inputs();                         \
    Sum sums[kSums] = {};                                        \
    Factor factors[kSums];                                       \
    std::memcpy(factors, in, sizeof(factors));                   \
    for (int64_t i = 0; i < steps; ++i) {                        \
      Factor x;                                                  \
      std::memcpy(&x, in + i % kInputs * kVector, sizeof(x));    \
      PARALLM_PRAGMA(GCC unroll 16)                              \
      for (int s = 0; s < kSums; ++s) {                          \
        sums[s] = add_products(sums[s], x, factors[s]);          \
      }                                                          \
    }                                                            \
    keep_sums(sums);                                             \
  }

#if defined(__x86_64__)

// So many sums: with the factors and what lies between they fill the registers.
constexpr int kAvx2Sums = 6;
constexpr int kAvxVnniSums = 10; // their factors do not fit, and are inputs
constexpr int kAvx512Sums = 12;

void f32_baseline(int64_t steps) {
  f32_body<Floats4, 7>(hidden_inputs(), steps);
}
PARALLM_ON_AVX2 void f32_avx2(int64_t steps) {
  f32_body<Floats8, 7>(hidden_inputs(), steps);
}
PARALLM_ON_AVX512 void f32_avx512(int64_t steps) {
  f32_body<Floats16, kAvx512Sums>(hidden_inputs(), steps);
}

PARALLM_ON_AVX2 PARALLM_INLINE __m256i
add_products(__m256i sum, __m256i x, __m256i factor) {
  const __m256i pairs = _mm256_maddubs_epi16(x, factor);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
PARALLM_ON_AVX512 PARALLM_INLINE __m512i
add_products(__m512i sum, __m512i x, __m512i factor) {
  const __m512i pairs = _mm512_maddubs_epi16(x, factor);
  return _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
}

PARALLM_BEGIN_TARGET(PARALLM_AVX2_TARGET, PARALLM_AVX2_TARGET)
PARALLM_DOT_LOOP(int8_avx2, __m256i, __m256i, kAvx2Sums, add_products)
PARALLM_END_TARGET
PARALLM_BEGIN_TARGET(PARALLM_AVX_VNNI_TARGET, PARALLM_AVX_VNNI_TARGET)
PARALLM_DOT_LOOP(
    int8_avx_vnni, __m256i, __m256i, kAvxVnniSums, _mm256_dpbusd_avx_epi32)
PARALLM_END_TARGET
PARALLM_BEGIN_TARGET(PARALLM_AVX512_TARGET, PARALLM_AVX512_TARGET)
PARALLM_DOT_LOOP(int8_avx512, __m512i, __m512i, kAvx512Sums, add_products)
PARALLM_END_TARGET
PARALLM_BEGIN_TARGET(PARALLM_AVX512_VNNI_TARGET, PARALLM_AVX512_VNNI_TARGET)
PARALLM_DOT_LOOP(
    int8_avx512_vnni, __m512i, __m512i, kAvx512Sums, _mm512_dpbusd_epi32)
PARALLM_END_TARGET
PARALLM_BEGIN_TARGET(PARALLM_AVX512_BF16_TARGET, PARALLM_AVX512_BF16_TARGET)
PARALLM_DOT_LOOP(bf16_avx512, __m512, __m512bh, kAvx512Sums, _mm512_dpbf16_ps)
PARALLM_END_TARGET

PARALLM_BEGIN_TARGET(PARALLM_AMX_TARGET, PARALLM_AMX_TARGET)

constexpr int kAmxSums = 4;
constexpr int kAmxProducts = amx::kRows * amx::kRows * amx::kRowBytes;

// All inputs are in registers here, which hold nothing but rows and columns.
void int8_amx(int64_t steps) {
  constexpr int kMatrix = amx::kRows * amx::kRowBytes;
  static_assert(4 * kMatrix == kInputs * kVector);
  const uint8_t* in = hidden_inputs();
  const amx::Registers registers(amx::kRowBytes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, in, amx::kRowBytes);
  _tile_loadd(5, in + kMatrix, amx::kRowBytes);
  _tile_loadd(6, in + 2 * kMatrix, amx::kRowBytes);
  _tile_loadd(7, in + 3 * kMatrix, amx::kRowBytes);
  for (int64_t i = 0; i < steps; ++i) {
    _tile_dpbsud(0, 4, 6);
    _tile_dpbsud(1, 4, 7);
    _tile_dpbsud(2, 5, 6);
    _tile_dpbsud(3, 5, 7);
  }
}

PARALLM_END_TARGET

#else

void f32_baseline(int64_t steps) {
  f32_body<Floats4, 14>(hidden_inputs(), steps);
}

#if defined(__aarch64__)

constexpr int kNeonSums = 14;

PARALLM_BEGIN_TARGET("arch=armv8.2-a+dotprod", "dotprod")
PARALLM_DOT_LOOP(int8_dot, int32x4_t, int8x16_t, kNeonSums, vdotq_s32)
PARALLM_END_TARGET
PARALLM_BEGIN_TARGET("arch=armv8.2-a+i8mm", "i8mm")
PARALLM_DOT_LOOP(int8_i8mm, int32x4_t, int8x16_t, kNeonSums, vmmlaq_s32)
PARALLM_END_TARGET

#endif
#endif

// Numbers in a vector, a product and a sum each.
constexpr int operations(int numbers, int sums) {
  return 2 * numbers * sums;
}

} // namespace

#if defined(__x86_64__)

PeakLoop f32_loop(InstructionSet set) {
  switch (vector_set(set)) {
    case InstructionSet::kBaseline:
      return {f32_baseline, operations(4, 7)};
    case InstructionSet::kAvx2:
      return {f32_avx2, operations(8, 7)};
    default:
      return {f32_avx512, operations(16, kAvx512Sums)};
  }
}

PeakLoop int8_loop(InstructionSet set) {
  switch (set) {
    case InstructionSet::kBaseline:
      return {};
    case InstructionSet::kAvx2:
      return {int8_avx2, operations(32, kAvx2Sums)};
    case InstructionSet::kAvxVnni:
      return {int8_avx_vnni, operations(32, kAvxVnniSums)};
    case InstructionSet::kAvx512:
      return {int8_avx512, operations(64, kAvx512Sums)};
    case InstructionSet::kAvx512Vnni:
    case InstructionSet::kAvx512Bf16:
      return {int8_avx512_vnni, operations(64, kAvx512Sums)};
    case InstructionSet::kAmx:
      return {int8_amx, operations(kAmxProducts, kAmxSums)};
    default:
      return {};
  }
}

PeakLoop bf16_loop(InstructionSet set) {
  return bfloat16_set(set) == InstructionSet::kAvx512Bf16
             ? PeakLoop{bf16_avx512, operations(32, kAvx512Sums)}
             : PeakLoop{};
}

#else

PeakLoop f32_loop(InstructionSet) {
  return {f32_baseline, operations(4, 14)};
}

PeakLoop int8_loop([[maybe_unused]] InstructionSet set) {
#if defined(__aarch64__)
  if (set == InstructionSet::kNeonDot) {
    return {int8_dot, operations(16, kNeonSums)};
  }
  if (set == InstructionSet::kNeonI8mm) { // 2 x 2 sums of 8 products
    return {int8_i8mm, operations(32, kNeonSums)};
  }
#endif
  return {};
}

PeakLoop bf16_loop(InstructionSet) {
  return {};
}

#endif

} // namespace parallm
