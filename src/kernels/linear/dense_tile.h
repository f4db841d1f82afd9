#pragma once

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include <algorithm>

#include "kernels/bfloat16_pairs.h"
#include "kernels/linear/dense_rows.h"

// Products of a tile, which is a few rows of activations, with a few rows of a
// dense weight: vectors go along the inputs, each sum has one of its own. No
// MLX here. Plain values and functions without state: any thread.
namespace parallm::dense {

using namespace simd;

constexpr int kColumns = 4; // outputs of a tile

using Floats4 = float __attribute__((vector_size(16), aligned(4)));
using Floats8 = float __attribute__((vector_size(32), aligned(4)));

// What an instruction set has: registers for sums of so many rows with four
// outputs, 24 of the 32 that AVX-512 and NEON have or 12 of 16, and how it
// widens 16 numbers of float16.
struct Quarter {
  using Vector = Floats4;
#if defined(__x86_64__)
  static constexpr int kRows = 3;
#else
  static constexpr int kRows = 6;
#endif

  static PARALLM_INLINE void widen(Floats& out, const char* from) {
#if defined(__aarch64__)
    float16x8_t halves[2];
    std::memcpy(halves, from, sizeof(halves));
    const float32x4_t wide[] = {
        vcvt_f32_f16(vget_low_f16(halves[0])), vcvt_high_f32_f16(halves[0]),
        vcvt_f32_f16(vget_low_f16(halves[1])), vcvt_high_f32_f16(halves[1])};
    std::memcpy(&out, wide, sizeof(out));
#else
    load<FloatType::kF16>(out, from);
#endif
  }
};

#if defined(__x86_64__)

struct Half {
  using Vector = Floats8;
  static constexpr int kRows = 3;

  static PARALLM_INLINE void widen(Floats& out, const char* from) {
    Bytes halves[2];
    std::memcpy(halves, from, sizeof(halves));
    Floats8 wide[2];
    asm("vcvtph2ps %1, %0" : "=x"(wide[0]) : "x"(halves[0]));
    asm("vcvtph2ps %1, %0" : "=x"(wide[1]) : "x"(halves[1]));
    std::memcpy(&out, wide, sizeof(out));
  }
};

struct Full {
  using Vector = Floats;
  static constexpr int kRows = 6;

  static PARALLM_INLINE void widen(Floats& out, const char* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof(halves));
    Floats wide;
    asm("vcvtph2ps %1, %0" : "=v"(wide) : "v"(halves));
    out = wide;
  }
};

#endif

// The product of vectors of float32.
template <class Registers>
struct Singles : Registers {
  using Vector = typename Registers::Vector;
  using Sums = Vector;
  static constexpr FloatType kType = FloatType::kF32;

  static PARALLM_INLINE void multiply_add(
      Sums& sums, const Vector& x, const Vector& w) {
    sums += x * w;
  }
};

#if defined(__x86_64__)
// The product of vectors of pairs of bfloat16.
struct Pairs : Full {
  using Vector = Words;
  using Sums = Floats;
  static constexpr FloatType kType = FloatType::kBF16;

  static PARALLM_INLINE void multiply_add(
      Sums& sums, const Vector& x, const Vector& w) {
    add_pair_products(sums, x, w);
  }
};
#endif

struct DenseTile {
  const char* x = nullptr; // as DenseRows has it
  const char* w = nullptr; // the first output's numbers
  size_t w_stride = 0;     // bytes to those of the next
  int columns = 0;         // of kColumns, that there are
  int lines = 0;           // of inputs
  ptrdiff_t ahead = 0;     // bytes from the weight to what is read next
  float* out = nullptr;    // added to
  int out_stride = 0;      // floats from a row to the next
};

// The sums of the lanes of four vectors, in a fixed tree.
PARALLM_INLINE void add_lanes(Floats4& out, const Floats4 (&v)[4]) {
  Floats4 twos[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const auto &a = v[2 * i], &b = v[2 * i + 1];
    twos[i] = __builtin_shufflevector(a, b, 0, 4, 1, 5) +
              __builtin_shufflevector(a, b, 2, 6, 3, 7);
  }
  out = __builtin_shufflevector(twos[0], twos[1], 0, 1, 4, 5) +
        __builtin_shufflevector(twos[0], twos[1], 2, 3, 6, 7);
}

PARALLM_INLINE void add_lanes(Floats4& out, const Floats8 (&v)[4]) {
  Floats4 halves[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    halves[i] = __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3) +
                __builtin_shufflevector(v[i], v[i], 4, 5, 6, 7);
  }
  add_lanes(out, halves);
}

PARALLM_INLINE void add_lanes(Floats4& out, const Floats (&v)[4]) {
  Floats8 halves[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    halves[i] =
        __builtin_shufflevector(v[i], v[i], 0, 1, 2, 3, 4, 5, 6, 7) +
        __builtin_shufflevector(v[i], v[i], 8, 9, 10, 11, 12, 13, 14, 15);
  }
  add_lanes(out, halves);
}

// Numbers of a type as those that meet; in `scratch`, unless they are such.
template <class Set, FloatType kType>
PARALLM_INLINE const char* line_of(const char* from, Floats& scratch) {
  if constexpr (kType == Set::kType) {
    return from;
  } else {
    if constexpr (kType == FloatType::kF16) {
      Set::widen(scratch, from);
    } else {
      load<kType>(scratch, from);
    }
    return reinterpret_cast<const char*>(&scratch);
  }
}

// Where the numbers of each column begin. What is missing of four columns is
// its last one again; their sums are not read.
PARALLM_INLINE void columns_of(const DenseTile& t, const char* (&w)[kColumns]) {
  for (int n = 0; n < kColumns; ++n) {
    w[n] = t.w + std::min(n, t.columns - 1) * t.w_stride;
  }
}

// x: a line of each row. w: a line of each column, as numbers that meet those.
template <class Set, int kRows>
PARALLM_INLINE void multiply_lines(
    typename Set::Sums (&sums)[kRows][kColumns],
    const char* x,
    const char* const (&w)[kColumns]) {
  using Vector = typename Set::Vector;
#pragma GCC unroll 4
  for (int at = 0; at < kLineBytes; at += static_cast<int>(sizeof(Vector))) {
    Vector right[kColumns];
#pragma GCC unroll 4
    for (int n = 0; n < kColumns; ++n) {
      Vector next; // in a register
      std::memcpy(&next, w[n] + at, sizeof(Vector));
      right[n] = next;
    }
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      Vector left;
      std::memcpy(&left, x + m * kLineBytes + at, sizeof(Vector));
#pragma GCC unroll 4
      for (int n = 0; n < kColumns; ++n) {
        Set::multiply_add(sums[m][n], left, right[n]);
      }
    }
  }
}

template <class Sums, int kRows>
PARALLM_INLINE void add_sums(
    const DenseTile& t, const Sums (&sums)[kRows][kColumns]) {
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
    Floats4 total, before;
    add_lanes(total, sums[m]);
    float* out = t.out + static_cast<size_t>(m) * t.out_stride;
    std::memcpy(&before, out, sizeof(before));
    before += total;
    std::memcpy(out, &before, sizeof(before));
  }
}

template <class Set, int kRows, FloatType kType>
PARALLM_INLINE void multiply_tile(const DenseTile& t) {
  constexpr int kBytes = numbers_of_line(Set::kType) * float_bytes(kType);
  typename Set::Sums sums[kRows][kColumns] = {};
  const char* w[kColumns];
  columns_of(t, w);
  const char* x = t.x;
  for (int i = 0; i < t.lines * kBytes; i += kBytes) {
    Floats scratch[kColumns];
    const char* lines[kColumns];
#pragma GCC unroll 4
    for (int n = 0; n < kColumns; ++n) {
      __builtin_prefetch(w[n] + t.ahead + i, 0, 2);
      lines[n] = line_of<Set, kType>(w[n] + i, scratch[n]);
    }
    multiply_lines<Set>(sums, x, lines);
    x += kRows * kLineBytes;
  }
  add_sums(t, sums);
}

template <class Set, FloatType kType, int kRows = Set::kRows>
PARALLM_INLINE void multiply_tile_of(const DenseTile& t, int rows) {
  if constexpr (kRows > 1) {
    if (rows < kRows) {
      return multiply_tile_of<Set, kType, kRows - 1>(t, rows);
    }
  }
  multiply_tile<Set, kRows, kType>(t);
}

template <class Set>
PARALLM_INLINE void multiply_tile(
    const DenseTile& t, FloatType type, int rows) {
  if constexpr (Set::kType == FloatType::kF32) {
    if (type == FloatType::kBF16) {
      return multiply_tile_of<Set, FloatType::kBF16>(t, rows);
    }
    if (type == FloatType::kF16) {
      return multiply_tile_of<Set, FloatType::kF16>(t, rows);
    }
  }
  multiply_tile_of<Set, Set::kType>(t, rows);
}

} // namespace parallm::dense
