#include "kernels/swiglu/swiglu.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

void swiglu_values(
    FloatType type, const void* gate, const void* up, void* out, size_t size) {
  constexpr int kChunk = 256;
  float g[kChunk], u[kChunk];
  for (size_t at = 0; at < size; at += kChunk) {
    const int n = static_cast<int>(std::min<size_t>(kChunk, size - at));
    const size_t offset = at * float_bytes(type);
    simd::load_row(type, g, static_cast<const char*>(gate) + offset, n);
    simd::load_row(type, u, static_cast<const char*>(up) + offset, n);
    for (int i = 0; i < n; ++i) {
      g[i] = g[i] / (1.0f + std::exp(-g[i])) * u[i];
    }
    store_row(type, static_cast<char*>(out) + offset, g, n);
  }
}

class SwiGlu : public CpuPrimitive {
 public:
  explicit SwiGlu(mx::Stream stream)
      : CpuPrimitive(stream, "parallm::SwiGlu") {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    encoder(in, out).dispatch([gate = RowMajor(in[0]), up = RowMajor(in[1]),
                               type = float_type(out[0].dtype()),
                               to = out[0].data<char>(),
                               size = out[0].size()]() mutable {
      swiglu_values(type, gate.data(), up.data(), to, size);
    });
  }
};

} // namespace

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return swiglu_reference(gate, up);
  }
  PARALLM_CHECK(
      gate.shape() == up.shape() && gate.dtype() == up.dtype(),
      "swiglu of {} by {} numbers", gate.size(), up.size());
  return mx::array(
      gate.shape(), gate.dtype(), std::make_shared<SwiGlu>(stream), {gate, up});
}

mx::array swiglu_reference(const mx::array& gate, const mx::array& up) {
  const auto g = mx::astype(gate, mx::float32);
  return mx::astype(
      g * mx::sigmoid(g) * mx::astype(up, mx::float32), gate.dtype());
}

} // namespace parallm
