#include "kernels/activation/activation.h"

namespace parallm {
namespace {

// float32 to float32.
mx::array activated(Activation activation, const mx::array& x) {
  const auto half = mx::array(0.5f), one = mx::array(1.0f);
  switch (activation) {
    case Activation::kSilu:
      return x * mx::sigmoid(x);
    case Activation::kGelu:
      return half * x * (one + mx::erf(x * mx::array(0.70710678f)));
    case Activation::kGeluTanh:
      return half * x *
             (one + mx::tanh(
                        mx::array(0.79788456f) *
                        (x + mx::array(0.044715f) * x * x * x)));
    case Activation::kRelu:
      return mx::maximum(x, mx::array(0.0f));
    case Activation::kRelu2:
      break;
  }
  return mx::square(mx::maximum(x, mx::array(0.0f)));
}

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

} // namespace

mx::array activate_reference(Activation activation, const mx::array& x) {
  return mx::astype(activated(activation, wide(x)), x.dtype());
}

mx::array gated_reference(
    Activation activation, const mx::array& gate, const mx::array& up) {
  return mx::astype(activated(activation, wide(gate)) * wide(up), gate.dtype());
}

mx::array clipped_swiglu_reference(
    const mx::array& gate, const mx::array& up, float alpha, float limit) {
  const auto g = mx::minimum(wide(gate), mx::array(limit));
  const auto u = mx::clip(wide(up), mx::array(-limit), mx::array(limit));
  return mx::astype(
      g * mx::sigmoid(mx::array(alpha) * g) * (u + mx::array(1.0f)),
      gate.dtype());
}

mx::array softcap_reference(const mx::array& x, float limit) {
  const auto c = mx::array(limit);
  return mx::astype(c * mx::tanh(wide(x) / c), x.dtype());
}

} // namespace parallm
