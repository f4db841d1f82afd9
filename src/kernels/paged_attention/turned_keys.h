#pragma once

#include "kernels/paged_attention/later_lines.h"
#include "kernels/paged_attention/stored_type.h"

// Keys turned round, so that one number of 16 keys is a vector. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

// A 16 x 16 matrix of words becomes its transpose: each round moves the upper
// bit of the row's number to the lower end of the column's.
template <class Vector>
PARALLM_INLINE void transpose(Vector (&rows)[kLanes]) {
  for (int round = 0; round < 4; ++round) {
    Vector next[kLanes];
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = __builtin_shufflevector(
          rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22,
          7, 23);
      next[2 * i + 1] = __builtin_shufflevector(
          rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
          14, 30, 15, 31);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      rows[i] = next[i];
    }
  }
}

// 32 numbers as pairs of bfloat16: those of bfloat16 as they lie, int8 exactly.
template <StoredType kType>
PARALLM_INLINE void load_pairs(Words& out, const void* from) {
  static_assert(kType == StoredType::kBF16 || kType == StoredType::kI8);
  if constexpr (kType == StoredType::kBF16) {
    std::memcpy(&out, from, sizeof(out));
  } else {
    using Ints = int32_t __attribute__((vector_size(64), aligned(4)));
    Halves halves;
    std::memcpy(&halves, from, sizeof(halves));
    const Words words = __builtin_convertvector(halves, Words);
    Ints odd, even;
    bit_cast(odd, words);
    even = odd << 24 >> 24;
    odd = odd << 16 >> 24;
    const Floats first = __builtin_convertvector(even, Floats);
    const Floats second = __builtin_convertvector(odd, Floats);
    Words low, high;
    bit_cast(low, first);
    bit_cast(high, second);
    out = (high & 0xffff0000u) | low >> 16;
  }
}

template <StoredType kType>
PARALLM_INLINE void load_pairs(Words& out, const void* from, int n) {
  if (n >= 2 * kLanes) {
    return load_pairs<kType>(out, from);
  }
  alignas(64) char padded[2 * kLanes * sizeof(uint16_t)] = {};
  std::memcpy(padded, from, n * stored_bytes(kType));
  load_pairs<kType>(out, padded);
}

// 16 keys, and where they go.
struct TurnedKeys {
  const char* const* keys; // `offset` bytes before the numbers of each
  size_t offset;
  int width;
  float* out; // (width padded, stride): number d of key i is [d, i]
  int stride;
};

// `kShuffles`: in registers, else number by number. With each vector that is
// read one of the lines that are read later is asked for.
template <StoredType kType, bool kShuffles>
PARALLM_INLINE void turn_keys(const TurnedKeys& turned, LaterLines& later) {
  const auto& [keys, offset, width, out, stride] = turned;
  for (int d = 0; d < width; d += kLanes) {
    Floats block[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      load_stored<kType>(
          block[i], keys[i] + offset + d * stored_bytes(kType), width - d);
      later.ask_for_one();
    }
    if constexpr (kShuffles) {
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        std::memcpy(out + (d + i) * stride, &block[i], sizeof(Floats));
      }
    } else {
      const auto* numbers = reinterpret_cast<const float*>(block);
#pragma GCC unroll 1
      for (int i = 0; i < kLanes * kLanes; ++i) {
        out[(d + i % kLanes) * stride + i / kLanes] = numbers[i];
      }
    }
  }
}

// The same by pairs of numbers: (width / 2 padded, stride) words.
template <StoredType kType>
PARALLM_INLINE void turn_key_pairs(
    const TurnedKeys& turned, LaterLines& later) {
  const auto& [keys, offset, width, out, stride] = turned;
  for (int d = 0; d < width; d += 2 * kLanes) {
    Words block[kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      load_pairs<kType>(
          block[i], keys[i] + offset + d * stored_bytes(kType), width - d);
      later.ask_for_one();
    }
    transpose(block);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      std::memcpy(out + (d / 2 + i) * stride, &block[i], sizeof(Words));
    }
  }
}

} // namespace parallm::simd
