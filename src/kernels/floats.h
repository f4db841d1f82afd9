#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simd.h"

// The three float types of checkpoints and caches, to and from float32.
// Rounding is to the nearest, ties to even. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

enum class FloatType : uint8_t { kF32, kF16, kBF16 };

constexpr size_t float_bytes(FloatType type) {
  return type == FloatType::kF32 ? 4 : 2;
}

namespace simd {

// 16 numbers of a type, as float32. A float16 is shifted into place and
// scaled by 2^112, which is exact, also for what is subnormal.
template <FloatType kType>
PARALLM_INLINE void load(Floats& out, const void* from) {
  if constexpr (kType == FloatType::kF32) {
    std::memcpy(&out, from, sizeof(out));
  } else {
    Halves halves;
    std::memcpy(&halves, from, sizeof(halves));
    const Words words = __builtin_convertvector(halves, Words);
    if constexpr (kType == FloatType::kBF16) {
      const Words bits = words << 16;
      bit_cast(out, bits);
    } else {
      const Words magnitude = (words & 0x7fffu) << 13;
      Floats scaled;
      bit_cast(scaled, magnitude);
      scaled *= 0x1p112f;
      Words bits;
      bit_cast(bits, scaled);
      // All ones where the exponent is; compared they would be one by one.
      const Words ones = ((words & 0x7c00u) + 0x400u) & 0x8000u;
      bits |= (ones << 16) - (ones << 8);
      bits |= (words & 0x8000u) << 16;
      bit_cast(out, bits);
    }
  }
}

// The last n < 16 numbers; the other lanes are 0.
template <FloatType kType>
PARALLM_INLINE void load_tail(Floats& out, const void* from, int n) {
  alignas(64) char padded[kLanes * sizeof(float)] = {};
  std::memcpy(padded, from, n * float_bytes(kType));
  load<kType>(out, padded);
}

// n numbers as float32, padded with zeros to a multiple of 16.
template <FloatType kType>
PARALLM_INLINE void load_row(float* out, const void* from, int n) {
  const char* at = static_cast<const char*>(from);
  int i = 0;
  Floats v;
  for (; i + kLanes <= n; i += kLanes) {
    load<kType>(v, at + i * float_bytes(kType));
    std::memcpy(out + i, &v, sizeof(v));
  }
  if (i < n) {
    load_tail<kType>(v, at + i * float_bytes(kType), n - i);
    std::memcpy(out + i, &v, sizeof(v));
  }
}

PARALLM_INLINE void load_row(
    FloatType type, float* out, const void* from, int n) {
  switch (type) {
    case FloatType::kF32:
      return load_row<FloatType::kF32>(out, from, n);
    case FloatType::kF16:
      return load_row<FloatType::kF16>(out, from, n);
    case FloatType::kBF16:
      return load_row<FloatType::kBF16>(out, from, n);
  }
}

// Number i of an array.
PARALLM_INLINE float load_one(FloatType type, const void* from, size_t i) {
  float lanes[kLanes];
  load_row(
      type, lanes, static_cast<const char*>(from) + i * float_bytes(type), 1);
  return lanes[0];
}

} // namespace simd

inline uint16_t to_bfloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<uint16_t>(bits >> 16 | 0x40u); // stays not a number
  }
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

inline uint16_t to_float16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) {
    return static_cast<uint16_t>(sign | 0x7e00u);
  }
  if (bits >= 0x477ff000u) { // 65520 and above round to infinity
    return static_cast<uint16_t>(sign | 0x7c00u);
  }
  if (bits < 0x38800000u) { // subnormal: let the adder round
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof(bits));
    magnitude += 0.5f;
    std::memcpy(&bits, &magnitude, sizeof(bits));
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  const uint32_t rounded = bits + 0xfffu + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

namespace simd {

// The same, 16 at once: the numbers' bits, as words.
PARALLM_INLINE void bfloat16_bits(Words& out, const Floats& v) {
  Words bits;
  bit_cast(bits, v);
  const Words rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const Words nan = (Words)((bits & 0x7fffffffu) > 0x7f800000u);
  out = (nan & (bits >> 16 | 0x40u)) | (~nan & rounded);
}

PARALLM_INLINE void float16_bits(Words& out, const Floats& v) {
  Words bits;
  bit_cast(bits, v);
  const Words sign = bits >> 16 & 0x8000u;
  bits &= 0x7fffffffu;
  Floats shifted;
  bit_cast(shifted, bits);
  shifted += 0.5f;
  Words subnormal;
  bit_cast(subnormal, shifted);
  subnormal -= 0x3f000000u;
  const Words normal = (bits + 0xfffu + (bits >> 13 & 1u) - 0x38000000u) >> 13;
  const Words small = (Words)(bits < 0x38800000u);
  const Words large = (Words)(bits >= 0x477ff000u);
  const Words nan = (Words)(bits > 0x7f800000u);
  const Words finite = (small & subnormal) | (~small & normal);
  const Words special = (nan & 0x7e00u) | (~nan & 0x7c00u);
  out = sign | (large & special) | (~large & finite);
}

// 16 float32 into a type.
template <FloatType kType>
PARALLM_INLINE void store(void* out, const Floats& v) {
  if constexpr (kType == FloatType::kF32) {
    std::memcpy(out, &v, sizeof(v));
  } else {
    Words bits;
    if constexpr (kType == FloatType::kBF16) {
      bfloat16_bits(bits, v);
    } else {
      float16_bits(bits, v);
    }
    const Halves halves = __builtin_convertvector(bits, Halves);
    std::memcpy(out, &halves, sizeof(halves));
  }
}

template <FloatType kType>
PARALLM_INLINE void store_row(void* out, const float* from, int n) {
  char* at = static_cast<char*>(out);
  int i = 0;
  Floats v;
  for (; i + kLanes <= n; i += kLanes) {
    std::memcpy(&v, from + i, sizeof(v));
    store<kType>(at + i * float_bytes(kType), v);
  }
  if (i < n) {
    alignas(64) char padded[kLanes * sizeof(float)];
    v = Floats{};
    std::memcpy(&v, from + i, (n - i) * sizeof(float));
    store<kType>(padded, v);
    std::memcpy(
        at + i * float_bytes(kType), padded, (n - i) * float_bytes(kType));
  }
}

} // namespace simd

// n float32 into a type.
PARALLM_INLINE void store_row(
    FloatType type, void* out, const float* from, int n) {
  switch (type) {
    case FloatType::kF32:
      return simd::store_row<FloatType::kF32>(out, from, n);
    case FloatType::kF16:
      return simd::store_row<FloatType::kF16>(out, from, n);
    case FloatType::kBF16:
      return simd::store_row<FloatType::kBF16>(out, from, n);
  }
}

// What n float32, or those behind them up to whole vectors, become in a type.
PARALLM_INLINE void round_row(FloatType type, float* row, int n) {
  for (int i = 0; i < n; i += simd::kLanes) {
    simd::Floats v;
    std::memcpy(&v, row + i, sizeof(v));
    simd::Words bits;
    if (type == FloatType::kBF16) {
      simd::bfloat16_bits(bits, v);
      const simd::Words wide = bits << 16;
      simd::bit_cast(v, wide);
    } else if (type == FloatType::kF16) {
      alignas(64) char halves[simd::kLanes * sizeof(uint16_t)];
      simd::store<FloatType::kF16>(halves, v);
      simd::load<FloatType::kF16>(v, halves);
    }
    std::memcpy(row + i, &v, sizeof(v));
  }
}

} // namespace parallm
