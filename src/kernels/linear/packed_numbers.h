#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "kernels/floats.h"
#include "kernels/linear/weight_form.h"

// What codes and scales of packed weights stand for: the numbers that
// mx::dequantize makes of them. Codes are a stream of bits, low bits first. No
// MLX here; any thread.
namespace parallm::simd {

// Number i of an array of floats. A float16 is widened as in `load`.
PARALLM_INLINE float at(FloatType type, const void* from, int i) {
  const auto* first = static_cast<const char*>(from) + i * float_bytes(type);
  float value;
  if (type == FloatType::kF32) {
    std::memcpy(&value, first, sizeof(value));
    return value;
  }
  uint16_t half;
  std::memcpy(&half, first, sizeof(half));
  uint32_t bits = uint32_t{half} << 16;
  if (type == FloatType::kF16) {
    bit_cast(value, uint32_t{(half & 0x7fffu) << 13});
    value *= 0x1p112f;
    bit_cast(bits, value);
    bits |= (half & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
    bits |= (half & 0x8000u) << 16;
  }
  bit_cast(value, bits);
  return value;
}

// 0, 2, 4, 6 or 8 bytes.
template <int kBytes>
PARALLM_INLINE uint64_t load_bytes(const uint8_t* from) {
  if constexpr (kBytes == 6) {
    return load_bytes<4>(from) | load_bytes<2>(from + 4) << 32;
  } else if constexpr (kBytes == 4) {
    uint32_t bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    return bytes;
  } else {
    uint64_t bytes = 0;
    std::memcpy(&bytes, from, kBytes);
    return bytes;
  }
}

// For each of 16 codes the byte in which it begins and the one behind it: a
// code lies in two at the most (one, if it has 8 bits). The vector's type is a
// parameter because compilers look at the places of a known one before they
// have them.
template <int kBits, class Vector, size_t... kPlaces>
PARALLM_INLINE void spread(
    Words& out, const Vector& from, std::index_sequence<kPlaces...>) {
  const auto pairs = __builtin_shufflevector(
      from, from, (kPlaces / 2 * kBits / 8 + kPlaces % 2) % kLanes...);
  Halves halves;
  bit_cast(halves, pairs);
  out = __builtin_convertvector(halves, Words);
}

// 16 codes. Reads no byte beyond them.
template <int kBits>
PARALLM_INLINE void unpack(Words& out, const uint8_t* from) {
  using Pair = uint64_t __attribute__((vector_size(16)));
  constexpr int kLow = std::min(2 * kBits, 8);
  const Pair pair = {
      load_bytes<kLow>(from), load_bytes<2 * kBits - kLow>(from + kLow)};
  Bytes bytes;
  bit_cast(bytes, pair);
  spread<kBits>(out, bytes, std::make_index_sequence<2 * kLanes>());
  const Words places = {0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7};
  out = (out >> ((places * kBits) & 7u)) & ((1u << kBits) - 1);
}

// E2M1: a sign, two bits of exponent, one of mantissa. Twice the number, which
// is whole: 0, 1, 2, 3, 4, 6, 8 or 12, a nibble each.
PARALLM_INLINE void twice_e2m1(Floats& out, const Words& codes) {
  const Words table = Words{} + 0xc8643210u;
  const Words magnitudes = (table >> ((codes << 2) & 28u)) & 15u;
  out = __builtin_convertvector(magnitudes, Floats);
  Words bits;
  bit_cast(bits, out);
  bits |= (codes & 8u) << 28;
  bit_cast(out, bits);
}

// E4M3: a sign, four bits of exponent, three of mantissa; no infinity. What is
// subnormal is made of a whole number: as a float32 it would be slow.
PARALLM_INLINE void load_e4m3(Floats& out, const Words& codes) {
  const Words magnitudes = codes & 0x7fu;
  const Floats whole = __builtin_convertvector(magnitudes, Floats) * 0x1p-9f;
  Words subnormal;
  bit_cast(subnormal, whole);
  const Words normal = (magnitudes << 20) + (120u << 23);
  const Words small = (Words)(magnitudes < 8u);
  const Words nan = (Words)(magnitudes == 0x7fu) & 0x7fc00000u;
  const Words sign = (codes & 0x80u) << 24;
  const Words bits = (small & subnormal) | (~small & normal) | nan | sign;
  bit_cast(out, bits);
}

constexpr float e4m3(int code) {
  const int magnitude = code & 0x7f, exponent = magnitude / 8;
  const int mantissa = magnitude % 8 + (exponent == 0 ? 0 : 8);
  const float value =
      magnitude == 0x7f
          ? std::numeric_limits<float>::quiet_NaN()
          : static_cast<float>(mantissa << (std::max(exponent, 1) - 1)) *
                0x1p-9f;
  return code < 0x80 ? value : -value;
}

inline constexpr auto kE4m3 = [] {
  std::array<float, 256> values{};
  for (int code = 0; code < 256; ++code) {
    values[code] = e4m3(code);
  }
  return values;
}();

// E8M0: 2^(code - 127). As MLX has it, 255 is infinite.
PARALLM_INLINE float e8m0(uint8_t code) {
  const uint32_t bits = code == 0 ? 0x00400000u : uint32_t{code} << 23;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

} // namespace parallm::simd
