#include "nn/norm.h"

#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_norm/rms_norm.h"

namespace parallm {
namespace {

// 1 is added in float32: in a shorter type small weights would be lost.
mx::array take_weight(
    Checkpoint& checkpoint,
    const std::string& name,
    int width,
    const NormSpec& spec) {
  const auto weight = checkpoint.take(name + ".weight", {width});
  return spec.plus_one
             ? checkpoint.keep_instead(
                   weight, mx::astype(weight, mx::float32) + mx::array(1.f))
             : weight;
}

std::optional<mx::array> take_bias(
    Checkpoint& checkpoint,
    const std::string& name,
    int width,
    const NormSpec& spec) {
  return spec.bias ? std::optional(checkpoint.take(name + ".bias", {width}))
                   : std::nullopt;
}

} // namespace

Norm::Norm(
    Checkpoint& checkpoint,
    const std::string& name,
    int width,
    const NormSpec& spec)
    : spec_(spec),
      weight_(take_weight(checkpoint, name, width, spec)),
      bias_(take_bias(checkpoint, name, width, spec)) {
}

mx::array Norm::operator()(const mx::array& x) const {
  return spec_.kind == NormKind::kRms
             ? rms_norm(x, weight_, spec_.eps)
             : layer_norm(x, weight_, bias_, spec_.eps);
}

} // namespace parallm
