#include "models/mamba2.h"

#include "kernels/activation/activation.h"
#include "kernels/rms_norm/rms_norm.h"

namespace parallm {
namespace {

// Exact, whatever the model's type: a decay is an exponential of these.
ScanWeights take_scan(
    Checkpoint& ck, const std::string& at, const Mamba2Spec& spec) {
  const auto take = [&](const char* name) {
    return ck.take_float32(at + name, {spec.scan.heads});
  };
  return {
      take("A_log"), take("D"), take("dt_bias"), spec.least_dt, spec.most_dt};
}

} // namespace

Mamba2::Mamba2(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const Mamba2Spec& spec,
    int state)
    : shape_(spec.scan),
      norm_groups_(spec.norm_groups),
      eps_(arch.norm.eps),
      in_(ck,
          {{at + "in_proj",
            {scan_width(shape_), scan_columns(shape_), shape_.heads}}},
          arch.width,
          bias_if(spec.bias),
          arch.quantization),
      conv_(
          ck,
          at + "conv1d",
          {scan_columns(shape_), spec.taps, bias_if(spec.conv_bias)},
          state),
      scan_(take_scan(ck, at, spec)),
      norm_(ck.take(at + "norm.weight", {scan_width(shape_)})),
      ones_(ck.keep(mx::ones({scan_width(shape_) / norm_groups_}))),
      out_(
          ck,
          at + "out_proj",
          {scan_width(shape_), arch.width, bias_if(spec.bias)},
          arch.quantization),
      state_(state + 1) {
}

mx::array Mamba2::normed(const mx::array& y) const {
  const auto groups = mx::reshape(y, {y.shape(0) * norm_groups_, -1});
  return mx::reshape(rms_norm(groups, ones_, eps_), y.shape()) *
         mx::astype(norm_, y.dtype());
}

mx::array Mamba2::operator()(const mx::array& x, StepContext& ctx) const {
  const auto in = in_(x);
  const auto done = selective_scan(
      activate(Activation::kSilu, conv_(in[1], ctx)), in[2], shape_, scan_,
      ctx.states.state(state_), ctx.states.rows());
  ctx.states.keep(state_, done.states);
  return out_(normed(gated(Activation::kSilu, in[0], done.out)));
}

} // namespace parallm
