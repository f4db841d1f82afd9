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

mx::array sum(const Residual& stream) {
  return stream.addend ? add(stream.x, *stream.addend) : stream.x;
}

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

ResidualRead Norm::read(const Residual& stream) const {
  if (!stream.addend || spec_.kind != NormKind::kRms) {
    const auto x = sum(stream);
    return {x, (*this)(x)};
  }
  const auto both = add_rms_norm(stream.x, *stream.addend, weight_, spec_.eps);
  return {both.sum, both.normed};
}

Addend Norm::addend(const mx::array& y, float scale) const {
  const auto weight = rms_weight();
  return {weight ? y : (*this)(y), weight, spec_.eps, scale};
}

std::optional<mx::array> Norm::rms_weight() const {
  return spec_.kind == NormKind::kRms ? std::optional(weight_) : std::nullopt;
}

} // namespace parallm
