#include "models/gated_delta.h"

#include "kernels/activation/activation.h"

namespace parallm {
namespace {

int value_width(const DeltaShape& shape) {
  return shape.value_heads * shape.value_dim;
}

// Exact, whatever the model's type: a decay is an exponential of these.
DeltaWeights take_weights(
    Checkpoint& ck, const std::string& at, const DeltaShape& shape) {
  return {
      ck.take_float32(at + "A_log", {shape.value_heads}),
      ck.take_float32(at + "dt_bias", {shape.value_heads})};
}

mx::array joined(const mx::array& x) {
  return mx::reshape(x, {x.shape(0), -1});
}

} // namespace

GatedDelta::GatedDelta(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const GatedDeltaSpec& spec,
    int state)
    : shape_(spec.delta),
      qkvz_(
          ck,
          at + "in_proj_qkvz",
          {arch.width, delta_columns(shape_) + value_width(shape_)},
          arch.quantization),
      ba_(ck,
          at + "in_proj_ba",
          {arch.width, 2 * shape_.value_heads},
          arch.quantization),
      conv_(ck, at + "conv1d", {delta_columns(shape_), spec.taps}, state),
      weights_(take_weights(ck, at, shape_)),
      norm_(ck, at + "norm", shape_.value_dim, arch.norm),
      out_(
          ck,
          at + "out_proj",
          {value_width(shape_), arch.width},
          arch.quantization),
      state_(state + 1) {
}

GatedDelta::Projected GatedDelta::project(const mx::array& x) const {
  const int tokens = x.shape(0),
            sharing = shape_.value_heads / shape_.key_heads;
  const auto by_head = [&](const mx::array& y) {
    return mx::reshape(y, {tokens, shape_.key_heads, -1});
  };
  const int key = shape_.key_dim, values = sharing * shape_.value_dim;
  const auto parts = mx::split(
      by_head(qkvz_(x)), mx::Shape{key, 2 * key, 2 * key + values}, -1);
  const auto gates = mx::split(by_head(ba_(x)), mx::Shape{sharing}, -1);
  return {
      mx::concatenate(
          {joined(parts[0]), joined(parts[1]), joined(parts[2])}, 1),
      mx::reshape(parts[3], {-1, shape_.value_dim}), joined(gates[1]),
      joined(gates[0])};
}

mx::array GatedDelta::operator()(const mx::array& x, StepContext& ctx) const {
  const auto in = project(x);
  const auto done = gated_delta(
      activate(Activation::kSilu, conv_(in.qkv, ctx)), in.a, in.b, shape_,
      weights_, ctx.states.state(state_), ctx.states.rows());
  ctx.states.keep(state_, done.states);
  const auto y = gated(
      Activation::kSilu, in.z, norm_(mx::reshape(done.out, in.z.shape())));
  return out_(mx::reshape(y, done.out.shape()));
}

} // namespace parallm
