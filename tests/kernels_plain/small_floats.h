#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/floats.h"

// What the bits of short floats mean, from their definition and not as kernels
// find it. Plain functions; any thread.
namespace parallm::test {

// Sign, exponent with `bias`, and `mantissa_bits`, as in IEEE 754 but for
// infinities and what is not a number.
inline double finite_number(
    uint32_t magnitude, bool negative, int mantissa_bits, int bias) {
  const uint32_t one = 1u << mantissa_bits;
  const auto exponent = static_cast<int>(magnitude / one);
  const uint32_t mantissa = magnitude % one + (exponent == 0 ? 0 : one);
  const double value = std::ldexp(
      mantissa, (exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
  return negative ? -value : value;
}

inline double number_of(FloatType type, uint16_t bits) {
  const bool half = type == FloatType::kF16;
  const uint32_t magnitude = bits & 0x7fffu, infinite = half ? 0x7c00 : 0x7f80;
  const bool negative = bits >> 15 != 0;
  if (magnitude > infinite) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (magnitude == infinite) {
    return negative ? -INFINITY : INFINITY;
  }
  return finite_number(magnitude, negative, half ? 10 : 7, half ? 15 : 127);
}

inline double e2m1_number(uint32_t code) {
  return finite_number(code & 7, code >> 3 != 0, 1, 1);
}

// No infinity; 0x7f and 0xff are no numbers.
inline double e4m3_number(uint32_t code) {
  return (code & 0x7f) == 0x7f
             ? std::numeric_limits<double>::quiet_NaN()
             : finite_number(code & 0x7f, code >> 7 != 0, 3, 7);
}

inline double e8m0_number(uint32_t code) {
  return std::ldexp(1.0, static_cast<int>(code) - 127);
}

} // namespace parallm::test
