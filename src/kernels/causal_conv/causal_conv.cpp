#include "kernels/causal_conv/causal_conv.h"

#include <algorithm>

#include "base/check.h"
#include "kernels/cpu_primitive.h"
#include "kernels/float_type.h"
#include "kernels/parts.h"

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

// Channels that go through all tokens together: what they need stays in the
// nearest cache, and each line of x is read once.
constexpr int kBlock = 1024;

// Of one block, in float32, each row of channels padded to whole vectors.
struct ConvBlock {
  explicit ConvBlock(int taps)
      : weight(static_cast<size_t>(taps) * kBlock), window(weight.size()) {}

  int first = 0; // channel
  int channels = 0;
  std::vector<float> weight;
  std::vector<float> window; // the last K inputs: number i in row i % K
  float bias[kBlock] = {};
  float y[kBlock] = {};
};

// The block's part of row `row` of an array with all channels in each.
PARALLM_INLINE const char* part_of(
    const CausalConvArgs& a,
    const ConvBlock& b,
    FloatType type,
    const void* rows,
    size_t row) {
  return static_cast<const char*>(rows) +
         (row * a.channels + b.first) * float_bytes(type);
}

PARALLM_INLINE void load_weights(const CausalConvArgs& a, ConvBlock& b) {
  for (int k = 0; k < a.taps; ++k) {
    simd::load_row(
        a.weight_type, &b.weight[k * kBlock],
        part_of(a, b, a.weight_type, a.weight, k), b.channels);
  }
  if (a.bias != nullptr) {
    simd::load_row(
        a.bias_type, b.bias, part_of(a, b, a.bias_type, a.bias, 0), b.channels);
  }
}

// From the oldest input, which lies in row `oldest` of the window, on.
PARALLM_INLINE void sum_window(
    const CausalConvArgs& a, ConvBlock& b, int oldest) {
  for (int c = 0; c < b.channels; c += simd::kLanes) {
    simd::Floats sum, w, x;
    std::memcpy(&sum, &b.bias[c], sizeof(sum));
    for (int k = 0, at = oldest; k < a.taps; ++k) {
      std::memcpy(&w, &b.weight[k * kBlock + c], sizeof(w));
      std::memcpy(&x, &b.window[at * kBlock + c], sizeof(x));
      sum += w * x;
      at = at + 1 == a.taps ? 0 : at + 1;
    }
    std::memcpy(&b.y[c], &sum, sizeof(sum));
  }
}

// Inputs 0 to K - 2 are the state, then come the row's.
PARALLM_INLINE void convolve_row(
    const CausalConvArgs& a, ConvBlock& b, const StateRow& row) {
  const int kept = a.taps - 1;
  float* state =
      a.states + static_cast<size_t>(row.slot) * kept * a.channels + b.first;
  for (int i = 0; i < kept; ++i) {
    if (row.begins) {
      std::fill_n(state + i * a.channels, b.channels, 0.0f);
    }
    std::copy_n(state + i * a.channels, b.channels, &b.window[i * kBlock]);
  }
  int oldest = 0, newest = kept;
  for (int t = 0; t < row.tokens; ++t) {
    const size_t token = row.first_token + t;
    simd::load_row(
        a.type, &b.window[newest * kBlock], part_of(a, b, a.type, a.x, token),
        b.channels);
    sum_window(a, b, oldest);
    store_row(
        a.type, const_cast<char*>(part_of(a, b, a.type, a.out, token)), b.y,
        b.channels);
    newest = oldest;
    oldest = oldest + 1 == a.taps ? 0 : oldest + 1;
  }
  for (int i = 0; i < kept; ++i) {
    std::copy_n(
        &b.window[(oldest + i) % a.taps * kBlock], b.channels,
        state + i * a.channels);
  }
}

// Blocks [first, end) of channels.
struct ConvPart {
  const CausalConvArgs& args;
  size_t first;
  size_t end;
};

PARALLM_INLINE void conv_body(const ConvPart& part) {
  const CausalConvArgs& a = part.args;
  ConvBlock block(a.taps);
  for (size_t i = part.first; i < part.end; ++i) {
    block.first = static_cast<int>(i) * kBlock;
    block.channels = std::min(kBlock, a.channels - block.first);
    load_weights(a, block);
    for (const StateRow& row : a.rows) {
      convolve_row(a, block, row);
    }
  }
}

PARALLM_MULTIVERSION(conv_part, conv_body, ConvPart)

void convolve(const CausalConvArgs& a) {
  const size_t tokens = a.rows.back().first_token + a.rows.back().tokens;
  in_row_parts(
      (a.channels + kBlock - 1) / kBlock, kBlock * tokens,
      [&](size_t first, size_t end) {
        conv_part({a, first, end});
      });
}

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
          (!bias || bias->shape() == mx::Shape{channels}),
      "{} taps of {} channels", taps, channels);
  check_states(states, (taps - 1) * channels, rows, x.shape(0));
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
