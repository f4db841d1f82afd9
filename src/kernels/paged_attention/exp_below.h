#pragma once

#include "kernels/vector_math.h"

// The exponential of a softmax. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

// e^x for x <= 0, or little above: within 5e-7 of it, relatively, and 0 below
// -87, where floats end. Half as long as simd::exp, of which softmax has many.
// Exactly 1 at 0; a NaN stays one if its lower bits are 0, as those are that
// arithmetic makes.
PARALLM_INLINE void exp_below(Floats& out, const Floats& x) {
  constexpr float kLeast = -87.0f;
  // (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, fitted for least relative error
  constexpr float kSeries[] = {
      0.499999935f, 0.166665207f, 0.0416683874f, 0.00836870984f, 0.0013814613f};
  const Floats shifted = x * 1.44269504f + kRounder; // 1 / ln 2
  const Floats whole = shifted - kRounder;
  // ln 2 in two parts: products with the first are exact
  Floats r = x - whole * 0x1.63p-1f;
  r = r + whole * 2.12194440e-4f;
  Floats series;
  polynomial(series, r, kSeries);
  const Floats power = r * r * series + r + 1.0f;
  Words bits, powers;
  bit_cast(bits, power);
  bit_cast(powers, shifted);
  bits += powers << 23; // what kRounder leaves above is shifted out
  bits = x < kLeast ? Words{} : bits;
  bit_cast(out, bits);
}

} // namespace parallm::simd
