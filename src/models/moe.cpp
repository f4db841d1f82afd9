#include "models/moe.h"

#include "kernels/activation/activation.h"

namespace parallm {
namespace {

// Of gpt-oss (OpenAI 2025).
constexpr float kClipAlpha = 1.702f;
constexpr float kClipLimit = 7.0f;

ExpertLinear::Shape wide(const ArchSpec& arch, const MoeSpec& m) {
  return {
      m.experts, arch.width, m.width, m.bias ? Bias::kRequired : Bias::kNone};
}

ExpertLinear::Shape narrow(const ArchSpec& arch, const MoeSpec& m) {
  return {
      m.experts, m.width, arch.width, m.bias ? Bias::kRequired : Bias::kNone};
}

std::optional<Mlp> take_shared(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MoeSpec& m) {
  return m.shared
             ? std::optional<Mlp>(
                   std::in_place, ck, at + arch.names.shared, arch, *m.shared)
             : std::nullopt;
}

std::optional<Linear> take_shared_gate(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MoeSpec& m) {
  return m.shared_gate ? std::optional<Linear>(
                             std::in_place, ck, at + arch.names.shared_gate,
                             Linear::Shape{arch.width, 1}, arch.quantization)
                       : std::nullopt;
}

} // namespace

Moe::Moe(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MoeSpec& spec)
    : clipped_(spec.clipped),
      router_(ck, at + arch.names.router, arch, spec),
      gate_(
          ck,
          at + arch.names.experts + arch.names.gate,
          wide(arch, spec),
          arch.quantization),
      up_(ck,
          at + arch.names.experts + arch.names.up,
          wide(arch, spec),
          arch.quantization),
      down_(
          ck,
          at + arch.names.experts + arch.names.down,
          narrow(arch, spec),
          arch.quantization),
      shared_(take_shared(ck, at, arch, spec)),
      shared_gate_(take_shared_gate(ck, at, arch, spec)) {
}

mx::array Moe::visited(const mx::array& x) const {
  const auto choice = router_(x);
  const auto gate = gate_(x, choice.experts), up = up_(x, choice.experts);
  const auto y = down_(
      clipped_ ? clipped_swiglu(gate, up, kClipAlpha, kClipLimit)
               : gated(Activation::kSilu, gate, up),
      choice.experts);
  return mx::astype(
      mx::sum(y * mx::expand_dims(choice.shares, -1), -2), x.dtype());
}

mx::array Moe::operator()(const mx::array& x) const {
  const auto y = visited(x);
  if (!shared_) {
    return y;
  }
  const auto shared = (*shared_)(x);
  return y + (shared_gate_ ? mx::sigmoid((*shared_gate_)(x)) * shared : shared);
}

} // namespace parallm
