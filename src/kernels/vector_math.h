#pragma once

#include <algorithm>

#include "kernels/simd.h"

// Functions of 16 numbers at once, each within 1e-6 of its value, relatively;
// the polynomials are fitted for least relative error in their ranges. What is
// not a number stays so. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm::simd {

using Ints = int32_t __attribute__((vector_size(64), aligned(4)));

// Added to a number less than 2^22 it rounds to a whole one, ties to even, for
// which the sum's bits less its own stand.
inline constexpr float kRounder = 0x1.8p23f;
inline constexpr uint32_t kRounderBits = 0x4b400000u;

// The largest magnitude of many numbers. Magnitudes are in the order of their
// bits, what is not a number above all.
class LargestMagnitude {
 public:
  PARALLM_INLINE void see(const Floats& x) {
    Half bits[2];
    bit_cast(bits, x);
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      bits[i] &= 0x7fffffff;
      keep_larger(most_[i], bits[i]);
    }
  }

  PARALLM_INLINE float value() const {
    Half all = most_[0];
    keep_larger(all, most_[1]);
    Quarter a = __builtin_shufflevector(all, all, 0, 1, 2, 3);
    const Quarter b = __builtin_shufflevector(all, all, 4, 5, 6, 7);
    keep_larger(a, b);
    const int32_t bits = std::max(std::max(a[0], a[1]), std::max(a[2], a[3]));
    float value;
    bit_cast(value, bits);
    return value;
  }

 private:
  // AVX2 would compare longer vectors number by number.
  using Half = int32_t __attribute__((vector_size(32)));
  using Quarter = int32_t __attribute__((vector_size(16)));

  template <class Vector>
  static PARALLM_INLINE void keep_larger(Vector& most, const Vector& bits) {
    most = most > bits ? most : bits;
  }

  Half most_[2] = {};
};

// c[0] + c[1] x + ...
template <size_t kTerms>
PARALLM_INLINE void polynomial(
    Floats& out, const Floats& x, const float (&c)[kTerms]) {
  Floats sum = Floats{} + c[kTerms - 1];
  for (size_t i = kTerms - 1; i-- > 0;) {
    sum = sum * x + c[i];
  }
  out = sum;
}

// The first 12 of a number's 24 bits: products of two such are exact.
PARALLM_INLINE void first_half(Floats& out, const Floats& x) {
  Words bits;
  bit_cast(bits, x);
  bits &= 0xfffff000u;
  bit_cast(out, bits);
}

// e^(x + low), where low is little beside x; infinite and 0 beyond floats.
PARALLM_INLINE void exp(Floats& out, const Floats& x, const Floats& low) {
  // (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2
  constexpr float kSeries[] = {
      0.49999994f, 0.16666515f, 0.041668456f, 0.008369419f, 0.0013813148f};
  Floats v = x > 89.0f ? Floats{} + 89.0f : x;
  v = v < -105.0f ? Floats{} - 105.0f : v;
  const Floats shifted = v * 1.44269504f + kRounder; // 1 / ln 2
  const Floats whole = shifted - kRounder;
  Ints powers;
  bit_cast(powers, shifted);
  powers -= kRounderBits;
  // ln 2 in two parts: products with the first are exact
  Floats r = v - whole * 0x1.63p-1f;
  r = r + whole * 2.12194440e-4f + low;
  Floats series;
  polynomial(series, r, kSeries);
  // Two steps, so that each factor is a float, whatever the product.
  const Ints half = powers >> 1;
  const Ints first = (half + 127) << 23, second = (powers - half + 127) << 23;
  Floats a, b;
  bit_cast(a, first);
  bit_cast(b, second);
  out = (1.0f + (r + r * r * series)) * a * b;
}

PARALLM_INLINE void exp(Floats& out, const Floats& x) {
  exp(out, x, Floats{});
}

PARALLM_INLINE void sigmoid(Floats& out, const Floats& x) {
  const Floats negative = -x;
  exp(out, negative);
  out = 1.0f / (1.0f + out);
}

PARALLM_INLINE void tanh(Floats& out, const Floats& x) {
  // (tanh x / x - 1) / x^2 for |x| <= 0.55
  constexpr float kSeries[] = {-0.3333333f,  0.13333295f,  -0.05395979f,
                               0.021783767f, -0.00841679f, 0.002398995f};
  const Floats square = x * x, twice = 2.0f * x;
  Floats near, power;
  polynomial(near, square, kSeries);
  near = x + x * square * near;
  exp(power, twice);
  const Floats far = 1.0f - 2.0f / (power + 1.0f);
  out = square < 0.25f ? near : far;
}

// What the normal distribution has beyond x >= 0: erfc(x / sqrt 2) / 2.
PARALLM_INLINE void normal_tail(Floats& out, const Floats& x) {
  // erfc(z) e^(z^2) / t for t = 1 / (1 + 0.35 z) and z <= 10.1
  constexpr float kSeries[] = {
      0.19748302f, 0.19715229f,  0.18779328f, 0.15166868f, 0.14471339f,
      0.08938615f, -0.03043893f, 0.18343675f, -0.1597408f, 0.03854619f};
  const Floats y = x > 14.28f ? Floats{} + 14.28f : x; // there it is 0
  const Floats t = 1.0f / (1.0f + 0.35f * 0.70710678f * y);
  Floats series, power;
  polynomial(series, t, kSeries);
  // The square in two parts, the first exact: it becomes an exponent.
  Floats high;
  first_half(high, y);
  const Floats square = -0.5f * high * high;
  const Floats low = 0.5f * (high - y) * (high + y);
  exp(power, square, low);
  out = 0.5f * power * t * series;
}

// Sine and cosine of angles of any size; the angles themselves are exact.
PARALLM_INLINE void turn_into(
    Floats& sine, Floats& cosine, const Floats& angle) {
  using Doubles = double __attribute__((vector_size(64), aligned(8)));
  using Eight = float __attribute__((vector_size(32), aligned(4)));
  using EightInts = int32_t __attribute__((vector_size(32), aligned(4)));
  constexpr double kWhole = 0x1.8p52; // added, it rounds to whole numbers
  constexpr double kQuarter = 1.5707963267948966; // of a turn
  struct Halves {
    Eight rest[2];
    EightInts quarters[2];
  } parts;
  Eight angles[2];
  std::memcpy(angles, &angle, sizeof(angle));
  for (int i = 0; i < 2; ++i) {
    const Doubles x = __builtin_convertvector(angles[i], Doubles);
    const Doubles quarters = (x / kQuarter + kWhole) - kWhole;
    const Doubles rest = x - quarters * kQuarter;
    parts.rest[i] = __builtin_convertvector(rest, Eight);
    parts.quarters[i] = __builtin_convertvector(quarters, EightInts);
  }
  Floats r;
  Ints quarters;
  std::memcpy(&r, parts.rest, sizeof(r));
  std::memcpy(&quarters, parts.quarters, sizeof(quarters));
  // (sin r / r - 1) / r^2 and (cos r - 1 + r^2 / 2) / r^4 for |r| <= pi / 4
  constexpr float kSine[] = {-0.16666654f, 0.008332083f, -0.00019504315f};
  constexpr float kCosine[] = {0.041666646f, -0.0013887243f, 2.4423885e-5f};
  const Floats square = r * r;
  Floats s, c;
  polynomial(s, square, kSine);
  polynomial(c, square, kCosine);
  s = r + r * square * s;
  c = 1.0f - 0.5f * square + square * square * c;
  const Ints odd = (quarters & 1) != 0;
  sine = odd ? c : s;
  cosine = odd ? s : c;
  sine = (quarters & 2) != 0 ? -sine : sine;
  cosine = ((quarters + 1) & 2) != 0 ? -cosine : cosine;
}

} // namespace parallm::simd
