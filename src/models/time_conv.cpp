#include "models/time_conv.h"

#include "kernels/causal_conv/causal_conv.h"

namespace parallm {
namespace {

mx::array take_weight(
    Checkpoint& ck, const std::string& name, const TimeConv::Shape& shape) {
  ck.expect_no_lora(name, "a convolution");
  const auto weight = ck.take(name + ".weight", {shape.channels, shape.taps});
  return ck.keep_instead(weight, mx::contiguous(mx::transpose(weight)));
}

} // namespace

TimeConv::TimeConv(
    Checkpoint& ck, const std::string& name, const Shape& shape, int state)
    : weight_(take_weight(ck, name, shape)),
      bias_(
          shape.bias == Bias::kRequired
              ? std::optional(ck.take(name + ".bias", {shape.channels}))
              : std::nullopt),
      state_(state) {
}

mx::array TimeConv::operator()(const mx::array& x, StepContext& ctx) const {
  const auto done = causal_conv(
      x, weight_, bias_, ctx.states.state(state_), ctx.states.rows());
  ctx.states.keep(state_, done.states);
  return done.out;
}

} // namespace parallm
