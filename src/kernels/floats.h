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
      const Words special = (Words)((words & 0x7c00u) == 0x7c00u) & 0x7f800000u;
      bits |= special | (words & 0x8000u) << 16;
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

// n float32 into a type.
PARALLM_INLINE void store_row(
    FloatType type, void* out, const float* from, int n) {
  if (type == FloatType::kF32) {
    std::memcpy(out, from, n * sizeof(float));
    return;
  }
  auto* halves = static_cast<uint16_t*>(out);
  for (int i = 0; i < n; ++i) {
    halves[i] =
        type == FloatType::kBF16 ? to_bfloat16(from[i]) : to_float16(from[i]);
  }
}

} // namespace parallm
