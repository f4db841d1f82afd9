#include "kernels/activation/activation.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

constexpr int kChunk = 256; // numbers that are float32 at a time

// Replaces n gates by results.
using Formula = std::function<void(float* gate, const float* up, int n)>;

float silu(float x) {
  return x / (1.0f + std::exp(-x));
}

float gelu(float x) {
  return 0.5f * x * (1.0f + std::erf(x * 0.70710678f)); // 1 / sqrt 2
}

float gelu_tanh(float x) {
  const float inner = 0.79788456f * (x + 0.044715f * x * x * x); // sqrt(2 / pi)
  return 0.5f * x * (1.0f + std::tanh(inner));
}

float relu(float x) {
  return x < 0.0f ? 0.0f : x; // what is not a number stays so
}

template <class Function>
Formula gated_by(Function function) {
  return [function](float* gate, const float* up, int n) {
    for (int i = 0; i < n; ++i) {
      gate[i] = function(gate[i]) * up[i];
    }
  };
}

Formula formula_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return gated_by([](float x) { return silu(x); });
    case Activation::kGelu:
      return gated_by([](float x) { return gelu(x); });
    case Activation::kGeluTanh:
      return gated_by([](float x) { return gelu_tanh(x); });
    case Activation::kRelu:
      return gated_by([](float x) { return relu(x); });
    case Activation::kRelu2:
      break;
  }
  return gated_by([](float x) { return relu(x) * relu(x); });
}

Formula clipped_formula(float alpha, float limit) {
  return [alpha, limit](float* gate, const float* up, int n) {
    for (int i = 0; i < n; ++i) {
      const float g = std::min(gate[i], limit);
      const float u = std::clamp(up[i], -limit, limit);
      gate[i] = g / (1.0f + std::exp(-alpha * g)) * (u + 1.0f);
    }
  };
}

struct Numbers {
  FloatType type;
  const void* gate;
  const void* up; // null: 1, which changes no bit
  void* out;
  size_t size;
};

void compute(const Formula& formula, const Numbers& a) {
  float gate[kChunk], up[kChunk];
  std::fill_n(up, kChunk, 1.0f);
  for (size_t at = 0; at < a.size; at += kChunk) {
    const int n = static_cast<int>(std::min<size_t>(kChunk, a.size - at));
    const size_t offset = at * float_bytes(a.type);
    simd::load_row(a.type, gate, static_cast<const char*>(a.gate) + offset, n);
    if (a.up != nullptr) {
      simd::load_row(a.type, up, static_cast<const char*>(a.up) + offset, n);
    }
    formula(gate, up, n);
    store_row(a.type, static_cast<char*>(a.out) + offset, gate, n);
  }
}

// inputs: gate and, if there is one, up
class Activate : public CpuPrimitive {
 public:
  Activate(mx::Stream stream, Formula formula)
      : CpuPrimitive(stream, "parallm::Activate"),
        formula_(std::move(formula)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    Numbers numbers{
        .type = float_type(out[0].dtype()),
        .gate = nullptr,
        .up = nullptr,
        .out = out[0].data<char>(),
        .size = out[0].size()};
    std::vector<RowMajor> arrays(in.begin(), in.end());
    encoder(in, out).dispatch(
        [formula = formula_, numbers, arrays = std::move(arrays)]() mutable {
          numbers.gate = arrays[0].data();
          numbers.up = arrays.size() > 1 ? arrays[1].data() : nullptr;
          compute(formula, numbers);
        });
  }

 private:
  Formula formula_;
};

mx::array on_cpu_kernel(Formula formula, std::vector<mx::array> in) {
  PARALLM_CHECK(
      in[0].shape() == in.back().shape() && in[0].dtype() == in.back().dtype(),
      "{} gates for {} numbers", in[0].size(), in.back().size());
  const auto shape = in[0].shape();
  const auto dtype = in[0].dtype();
  return mx::array(
      shape, dtype,
      std::make_shared<Activate>(kernel_stream(), std::move(formula)),
      std::move(in));
}

} // namespace

mx::array activate(Activation activation, const mx::array& x) {
  return on_cpu(kernel_stream()) ? on_cpu_kernel(formula_of(activation), {x})
                                 : activate_reference(activation, x);
}

mx::array gated(
    Activation activation, const mx::array& gate, const mx::array& up) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel(formula_of(activation), {gate, up})
             : gated_reference(activation, gate, up);
}

mx::array clipped_swiglu(
    const mx::array& gate, const mx::array& up, float alpha, float limit) {
  return on_cpu(kernel_stream())
             ? on_cpu_kernel(clipped_formula(alpha, limit), {gate, up})
             : clipped_swiglu_reference(gate, up, alpha, limit);
}

} // namespace parallm
