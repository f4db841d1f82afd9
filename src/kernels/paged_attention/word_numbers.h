#pragma once

#include "kernels/paged_attention/stored_type.h"
#include "kernels/vector_math.h"

// Numbers of a row as they lie, several in a word. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

// Number j of each word, as float32.
template <StoredType kType>
PARALLM_INLINE void number_of_words(Floats& out, const Words& words, int j) {
  if constexpr (kType == StoredType::kBF16) {
    const Words bits = j == 0 ? words << 16 : words & 0xffff0000u;
    bit_cast(out, bits);
  } else {
    static_assert(kType == StoredType::kI8);
    const Words high = words << (24 - 8 * j);
    Ints numbers;
    bit_cast(numbers, high);
    numbers >>= 24;
    out = __builtin_convertvector(numbers, Floats);
  }
}

PARALLM_INLINE void zip(
    Floats& low, Floats& high, const Floats& a, const Floats& b) {
  low = __builtin_shufflevector(
      a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  high = __builtin_shufflevector(
      a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Sums of the first, second, ... numbers of 16 words, in the order of numbers.
PARALLM_INLINE void store_in_order(float* out, const Floats (&sums)[2]) {
  Floats all[2];
  zip(all[0], all[1], sums[0], sums[1]);
  std::memcpy(out, &all[0], sizeof(Floats));
  std::memcpy(out + kLanes, &all[1], sizeof(Floats));
}

PARALLM_INLINE void store_in_order(float* out, const Floats (&sums)[4]) {
  Floats even[2], odd[2], all[4];
  zip(even[0], even[1], sums[0], sums[2]);
  zip(odd[0], odd[1], sums[1], sums[3]);
  zip(all[0], all[1], even[0], odd[0]);
  zip(all[2], all[3], even[1], odd[1]);
  for (int i = 0; i < 4; ++i) {
    std::memcpy(out + i * kLanes, &all[i], sizeof(Floats));
  }
}

} // namespace parallm::simd
