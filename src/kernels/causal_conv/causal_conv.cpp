#include "kernels/causal_conv/causal_conv.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"

namespace parallm {
namespace {

struct CausalConvArgs {
  FloatType type = FloatType::kF32;
  const void* x = nullptr;
  FloatType weight_type = FloatType::kF32;
  const void* weight = nullptr;
  FloatType bias_type = FloatType::kF32;
  const void* bias = nullptr; // or none
  float* states = nullptr;
  void* out = nullptr;
  int taps = 0;     // K
  int channels = 0; // C
  std::vector<StateRow> rows{};
};

// Float32 copies, each row of channels padded to whole vectors.
struct ConvScratch {
  explicit ConvScratch(const CausalConvArgs& a)
      : padded(simd::round_up(a.channels)),
        weight(static_cast<size_t>(a.taps) * padded),
        bias(padded),
        window(weight.size()),
        y(padded) {}

  int padded;
  std::vector<float> weight, bias;
  std::vector<float> window; // the last K inputs: number i in row i % K
  std::vector<float> y;
};

PARALLM_INLINE void sum_window(
    const CausalConvArgs& a, ConvScratch& s, int oldest) {
  for (int c = 0; c < s.padded; c += simd::kLanes) {
    simd::Floats sum, w, x;
    std::memcpy(&sum, &s.bias[c], sizeof(sum));
    for (int k = 0; k < a.taps; ++k) {
      std::memcpy(&w, &s.weight[k * s.padded + c], sizeof(w));
      std::memcpy(
          &x, &s.window[(oldest + k) % a.taps * s.padded + c], sizeof(x));
      sum += w * x;
    }
    std::memcpy(&s.y[c], &sum, sizeof(sum));
  }
}

// Inputs 0 to K - 2 are the state, then come the row's.
PARALLM_INLINE void convolve_row(
    const CausalConvArgs& a, ConvScratch& s, const StateRow& row) {
  const int kept = a.taps - 1;
  const size_t row_bytes = a.channels * float_bytes(a.type);
  float* state = a.states + static_cast<size_t>(row.slot) * kept * a.channels;
  if (row.begins) {
    std::fill_n(state, static_cast<size_t>(kept) * a.channels, 0.0f);
  }
  for (int i = 0; i < kept; ++i) {
    std::copy_n(state + i * a.channels, a.channels, &s.window[i * s.padded]);
  }
  for (int t = 0; t < row.tokens; ++t) {
    const size_t at = (row.first_token + t) * row_bytes;
    simd::load_row(
        a.type, &s.window[(kept + t) % a.taps * s.padded],
        static_cast<const char*>(a.x) + at, a.channels);
    sum_window(a, s, t);
    store_row(a.type, static_cast<char*>(a.out) + at, s.y.data(), a.channels);
  }
  for (int i = 0; i < kept; ++i) {
    std::copy_n(
        &s.window[(row.tokens + i) % a.taps * s.padded], a.channels,
        state + i * a.channels);
  }
}

PARALLM_INLINE void causal_conv_body(const CausalConvArgs& a) {
  ConvScratch scratch(a);
  const size_t tap_bytes = a.channels * float_bytes(a.weight_type);
  for (int k = 0; k < a.taps; ++k) {
    simd::load_row(
        a.weight_type, &scratch.weight[k * scratch.padded],
        static_cast<const char*>(a.weight) + k * tap_bytes, a.channels);
  }
  if (a.bias != nullptr) {
    simd::load_row(a.bias_type, scratch.bias.data(), a.bias, a.channels);
  }
  for (const StateRow& row : a.rows) {
    convolve_row(a, scratch, row);
  }
}

PARALLM_MULTIVERSION(convolve, causal_conv_body, CausalConvArgs)

// inputs: states, x, weight and, if there is one, bias; outputs: y and the
// states' own memory
class CausalConv : public CpuPrimitive {
 public:
  CausalConv(mx::Stream stream, std::vector<StateRow> rows)
      : CpuPrimitive(stream, "parallm::CausalConv"), rows_(std::move(rows)) {}

  void eval_cpu(
      const std::vector<mx::array>& in, std::vector<mx::array>& out) override {
    allocate(out[0]);
    out[1].copy_shared_buffer(in[0]);
    CausalConvArgs args;
    args.type = float_type(in[1].dtype());
    args.weight_type = float_type(in[2].dtype());
    args.bias_type = float_type(in.back().dtype());
    args.states = out[1].data<float>();
    args.out = out[0].data<char>();
    args.taps = in[2].shape(0);
    args.channels = in[2].shape(1);
    args.rows = rows_;
    std::vector<RowMajor> arrays(in.begin() + 1, in.end());
    encoder(in, out).dispatch(
        [args = std::move(args), arrays = std::move(arrays)]() mutable {
          args.x = arrays[0].data();
          args.weight = arrays[1].data();
          args.bias = arrays.size() > 2 ? arrays[2].data() : nullptr;
          convolve(args);
        });
  }

 private:
  std::vector<StateRow> rows_;
};

} // namespace

Advanced causal_conv(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    const mx::array& states,
    const std::vector<StateRow>& rows) {
  const int taps = weight.shape(0), channels = weight.shape(1);
  PARALLM_CHECK(
      x.ndim() == 2 && x.shape(1) == channels && taps > 1 &&
          states.dtype() == mx::float32 && states.ndim() == 2 &&
          states.shape(1) == (taps - 1) * channels &&
          (!bias || bias->shape() == mx::Shape{channels}),
      "{} taps of {} channels, states of {} numbers", taps, channels,
      states.shape(-1));
  check_state_rows(rows, x.shape(0), states.shape(0));
  const auto stream = kernel_stream();
  if (!on_cpu(stream)) {
    return causal_conv_reference(x, weight, bias, states, rows);
  }
  std::vector<mx::array> in{states, x, weight};
  if (bias) {
    in.push_back(*bias);
  }
  const auto out = mx::array::make_arrays(
      {x.shape(), states.shape()}, {x.dtype(), states.dtype()},
      std::make_shared<CausalConv>(stream, rows), std::move(in));
  return {out[0], out[1]};
}

} // namespace parallm
