#pragma once

#include "kernels/floats.h"

// What keys and values are stored as. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

enum class StoredType : uint8_t { kF32, kF16, kBF16, kI8 };

// A row of kI8, one head of one token, is a float32 that all its numbers are to
// be multiplied with, then the numbers as int8.
inline constexpr size_t kKvScaleBytes = sizeof(float);

constexpr bool has_scale(StoredType type) {
  return type == StoredType::kI8;
}

constexpr StoredType stored_type(FloatType type) {
  return type == FloatType::kF32   ? StoredType::kF32
         : type == FloatType::kF16 ? StoredType::kF16
                                   : StoredType::kBF16;
}

constexpr size_t stored_bytes(StoredType type) {
  return type == StoredType::kF32 ? 4 : type == StoredType::kI8 ? 1 : 2;
}

constexpr size_t kv_row_bytes(StoredType type, int width) {
  return width * stored_bytes(type) + (has_scale(type) ? kKvScaleBytes : 0);
}

namespace simd {

// 16 numbers of a row without its scale, as float32.
template <StoredType kType>
PARALLM_INLINE void load_stored(Floats& out, const void* from) {
  if constexpr (kType == StoredType::kI8) {
    using Small = int8_t __attribute__((vector_size(16), aligned(1)));
    Small numbers;
    std::memcpy(&numbers, from, sizeof(numbers));
    out = __builtin_convertvector(numbers, Floats);
  } else if constexpr (kType == StoredType::kF32) {
    load<FloatType::kF32>(out, from);
  } else if constexpr (kType == StoredType::kF16) {
    load<FloatType::kF16>(out, from);
  } else {
    load<FloatType::kBF16>(out, from);
  }
}

// The same of the last n numbers of a row; the other lanes are 0.
template <StoredType kType>
PARALLM_INLINE void load_stored(Floats& out, const void* from, int n) {
  if (n >= kLanes) {
    return load_stored<kType>(out, from);
  }
  alignas(64) char padded[kLanes * sizeof(float)] = {};
  std::memcpy(padded, from, n * stored_bytes(kType));
  load_stored<kType>(out, padded);
}

} // namespace simd

} // namespace parallm
