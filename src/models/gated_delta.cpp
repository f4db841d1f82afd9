#include "models/gated_delta.h"

#include "kernels/activation/activation.h"

namespace parallm {
namespace {

// Exact, whatever the model's type: a decay is an exponential of these.
DeltaWeights take_weights(
    Checkpoint& ck, const std::string& at, const DeltaShape& shape) {
  return {
      ck.take_float32(at + "A_log", {shape.value_heads}),
      ck.take_float32(at + "dt_bias", {shape.value_heads})};
}

} // namespace

GatedDelta::GatedDelta(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const GatedDeltaSpec& spec,
    int state)
    : shape_(spec.delta),
      in_(ck,
          {{at + "in_proj_qkvz", {delta_columns(shape_), delta_width(shape_)}},
           {at + "in_proj_ba", {shape_.value_heads, shape_.value_heads}}},
          arch.width,
          Bias::kNone,
          arch.quantization),
      conv_(ck, at + "conv1d", {delta_columns(shape_), spec.taps}, state),
      weights_(take_weights(ck, at, shape_)),
      norm_(ck, at + "norm", shape_.value_dim, arch.norm),
      out_(
          ck,
          at + "out_proj",
          {delta_width(shape_), arch.width},
          arch.quantization),
      state_(state + 1) {
}

mx::array GatedDelta::operator()(const mx::array& x, StepContext& ctx) const {
  const auto in = in_(x);
  const auto &qkv = in[0], &z = in[1], &b = in[2], &a = in[3];
  const auto done = gated_delta(
      activate(Activation::kSilu, conv_(qkv, ctx)), a, b, shape_, weights_,
      ctx.states.state(state_), ctx.states.rows());
  ctx.states.keep(state_, done.states);
  const auto heads = norm_(mx::reshape(done.out, {-1, shape_.value_dim}));
  return out_(
      gated(Activation::kSilu, z, mx::reshape(heads, done.out.shape())));
}

} // namespace parallm
