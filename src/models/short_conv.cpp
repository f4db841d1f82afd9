#include "models/short_conv.h"

namespace parallm {

ShortConv::ShortConv(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const ShortConvSpec& spec,
    int state)
    : in_(ck,
          {{at + "in_proj", {spec.width, spec.width, spec.width}}},
          arch.width,
          bias_if(spec.bias),
          arch.quantization),
      conv_(
          ck, at + "conv", {spec.width, spec.taps, bias_if(spec.bias)}, state),
      out_(
          ck,
          at + "out_proj",
          {spec.width, arch.width, bias_if(spec.bias)},
          arch.quantization) {
}

mx::array ShortConv::operator()(const mx::array& x, StepContext& ctx) const {
  const auto in = in_(x);
  return out_(in[1] * conv_(in[0] * in[2], ctx));
}

} // namespace parallm
