#pragma once

#include "kernels/simd.h"

// Dot products of rows of floats, a tile at a time. No MLX here; any thread.
namespace parallm::simd {

// out[m * 4 + n] = a row m . b row n, for kRows rows of a and 4 of b, over
// `padded` elements (a multiple of 16). The sum of a pair does not depend on
// which tile computes it.
template <int kRows>
PARALLM_INLINE void dot_tile(
    const float* const (&a)[kRows],
    const float* const (&b)[4],
    int padded,
    float* out) {
  Floats sums[kRows][4] = {};
  for (int k = 0; k < padded; k += kLanes) {
    Floats right[4];
    for (int n = 0; n < 4; ++n) {
      std::memcpy(&right[n], b[n] + k, sizeof(Floats));
    }
    for (int m = 0; m < kRows; ++m) {
      Floats left;
      std::memcpy(&left, a[m] + k, sizeof(Floats));
      for (int n = 0; n < 4; ++n) {
        sums[m][n] += left * right[n];
      }
    }
  }
  for (int m = 0; m < kRows; ++m) {
    for (int n = 0; n < 4; ++n) {
      out[m * 4 + n] = sum(sums[m][n]);
    }
  }
}

// out[m * stride + n] for `rows` rows of a, `stride` floats apart, and the
// first `columns` <= 4 of b.
PARALLM_INLINE void dot_rows(
    const float* a,
    int rows,
    int padded,
    const float* const (&b)[4],
    int columns,
    float* out,
    size_t out_stride) {
  float tile[4 * 4];
  for (int m = 0; m < rows;) {
    const int step = rows - m >= 4 ? 4 : 1;
    const float* row = a + static_cast<size_t>(m) * padded;
    if (step == 4) {
      dot_tile<4>(
          {row, row + padded, row + 2 * padded, row + 3 * padded}, b, padded,
          tile);
    } else {
      dot_tile<1>({row}, b, padded, tile);
    }
    for (int i = 0; i < step; ++i) {
      for (int n = 0; n < columns; ++n) {
        out[(m + i) * out_stride + n] = tile[i * 4 + n];
      }
    }
    m += step;
  }
}

} // namespace parallm::simd
