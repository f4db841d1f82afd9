#include "kernels/activation/activation_numbers.h"

#include <algorithm>

#include "kernels/vector_math.h"

namespace parallm {
namespace {

constexpr int kChunk = 256; // numbers that are float32 at a time

struct ActivationPart {
  const ActivationNumbers& numbers;
  size_t first;
  size_t end;
};

using simd::Floats;

struct Silu {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    Floats share;
    simd::sigmoid(share, x);
    x = x * share * up;
  }
};

// x times what the normal distribution has below x.
struct Gelu {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    const Floats size = x < 0.0f ? -x : x;
    Floats tail;
    simd::normal_tail(tail, size);
    const Floats share = x < 0.0f ? tail : 1.0f - tail;
    x = x * share * up;
  }
};

// 2 sqrt(2 / pi) (x + 0.044715 x^3) as a sum whose first part is exact: where
// next to nothing is left of x, a float is too coarse an exponent.
PARALLM_INLINE void tanh_exponent(Floats& high, Floats& low, const Floats& x) {
  // Factors of x and x^3, each in two parts.
  constexpr float kOne = 0x1.988454p+0f, kOneRest = -4.53407e-08f;
  constexpr float kThree = 0x1.244p-4f, kThreeRest = 4.71862e-06f;
  Floats half, square, factor;
  simd::first_half(half, x);
  const Floats rest = x - half, whole = half * half;
  simd::first_half(square, whole);
  const Floats third = kThree * square;
  const Floats third_rest =
      kThree * (whole - square + rest * (x + half)) + kThreeRest * whole;
  const Floats sum = kOne + third;
  const Floats sum_rest = kOne - sum + third + (third_rest + kOneRest);
  simd::first_half(factor, sum);
  high = half * factor;
  low = half * (sum - factor) + rest * sum + x * sum_rest;
}

// (1 + tanh y) / 2 is the sigmoid of 2 y.
struct GeluTanh {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    Floats negative = x > 20.0f ? Floats{} - 20.0f : -x; // nothing is left, or
    negative = x < -20.0f ? Floats{} + 20.0f : negative; // all of x
    Floats high, low, power;
    tanh_exponent(high, low, negative);
    simd::exp(power, high, low);
    x = x / (1.0f + power) * up;
  }
};

struct Relu {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    x = (x < 0.0f ? Floats{} : x) * up; // what is not a number stays so
  }
};

struct Relu2 {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    const Floats positive = x < 0.0f ? Floats{} : x;
    x = positive * positive * up;
  }
};

struct ClippedSwiglu {
  PARALLM_INLINE void operator()(Floats& x, const Floats& up) const {
    const Floats gate = x > limit ? Floats{} + limit : x;
    Floats clipped = up > limit ? Floats{} + limit : up;
    clipped = clipped < -limit ? Floats{} - limit : clipped;
    const Floats scaled = alpha * gate;
    Floats share;
    simd::sigmoid(share, scaled);
    x = gate * share * (clipped + 1.0f);
  }

  float alpha;
  float limit;
};

struct Softcap {
  PARALLM_INLINE void operator()(Floats& x, const Floats&) const {
    const Floats inside = x / limit;
    Floats share;
    simd::tanh(share, inside);
    x = limit * share;
  }

  float limit;
};

template <class Function>
PARALLM_INLINE void each(const Function& function, float* gate, float* up) {
  Floats x, u;
  for (int i = 0; i < kChunk; i += simd::kLanes) {
    std::memcpy(&x, gate + i, sizeof(x));
    std::memcpy(&u, up + i, sizeof(u));
    function(x, u);
    std::memcpy(gate + i, &x, sizeof(x));
  }
}

PARALLM_INLINE void activate_chunk(
    Activation activation, float* gate, float* up) {
  switch (activation) {
    case Activation::kSilu:
      return each(Silu{}, gate, up);
    case Activation::kGelu:
      return each(Gelu{}, gate, up);
    case Activation::kGeluTanh:
      return each(GeluTanh{}, gate, up);
    case Activation::kRelu:
      return each(Relu{}, gate, up);
    case Activation::kRelu2:
      return each(Relu2{}, gate, up);
  }
}

PARALLM_INLINE void apply(const Formula& formula, float* gate, float* up) {
  switch (formula.kind) {
    case Formula::Kind::kActivation:
      return activate_chunk(formula.activation, gate, up);
    case Formula::Kind::kClippedSwiglu:
      return each(ClippedSwiglu{formula.alpha, formula.limit}, gate, up);
    case Formula::Kind::kSoftcap:
      return each(Softcap{formula.limit}, gate, up);
  }
}

PARALLM_INLINE void activation_body(const ActivationPart& part) {
  const ActivationNumbers& a = part.numbers;
  float gate[kChunk] = {}, up[kChunk];
  std::fill_n(up, kChunk, 1.0f);
  for (size_t at = part.first; at < part.end; at += kChunk) {
    const int n = static_cast<int>(std::min<size_t>(kChunk, part.end - at));
    const size_t offset = at * float_bytes(a.type);
    simd::load_row(a.type, gate, static_cast<const char*>(a.gate) + offset, n);
    if (a.up != nullptr) {
      simd::load_row(a.type, up, static_cast<const char*>(a.up) + offset, n);
    }
    apply(a.formula, gate, up);
    store_row(a.type, static_cast<char*>(a.out) + offset, gate, n);
  }
}

PARALLM_MULTIVERSION(activation_part, activation_body, ActivationPart)

} // namespace

void activate_numbers(
    const ActivationNumbers& numbers, size_t first, size_t end) {
  activation_part({numbers, first, end});
}

} // namespace parallm
