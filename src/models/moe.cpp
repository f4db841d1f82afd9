#include "models/moe.h"

#include "kernels/activation/activation.h"
#include "kernels/expert_sum/expert_sum.h"

namespace parallm {
namespace {

// Of gpt-oss (OpenAI 2025).
constexpr float kClipAlpha = 1.702f;
constexpr float kClipLimit = 7.0f;

// Of what experts read and give.
int outer_width(const ArchSpec& arch, const MoeSpec& m) {
  return m.latent > 0 ? m.latent : arch.width;
}

ExpertLinear::Shape wide(const ArchSpec& arch, const MoeSpec& m) {
  return {m.experts, outer_width(arch, m), m.width, bias_if(m.bias)};
}

ExpertLinear::Shape narrow(const ArchSpec& arch, const MoeSpec& m) {
  return {m.experts, m.width, outer_width(arch, m), bias_if(m.bias)};
}

std::optional<ExpertLinear> take_gate(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MoeSpec& m) {
  return m.gated ? std::optional<ExpertLinear>(
                       std::in_place, ck,
                       at + arch.names.experts + arch.names.expert_gate,
                       wide(arch, m), arch.quantization)
                 : std::nullopt;
}

std::optional<Linear> take_latent(
    Checkpoint& ck,
    const std::string& name,
    const ArchSpec& arch,
    const MoeSpec& m,
    const Linear::Shape& shape) {
  return m.latent > 0 ? std::optional<Linear>(
                            std::in_place, ck, name, shape, arch.quantization)
                      : std::nullopt;
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
    : spec_(spec),
      router_(ck, at + arch.names.router, arch, spec),
      latent_in_(take_latent(
          ck,
          at + arch.names.latent_in,
          arch,
          spec,
          {arch.width, spec.latent, bias_if(spec.latent_bias)})),
      latent_out_(take_latent(
          ck,
          at + arch.names.latent_out,
          arch,
          spec,
          {spec.latent, arch.width, bias_if(spec.latent_bias)})),
      gate_(take_gate(ck, at, arch, spec)),
      up_(ck,
          at + arch.names.experts + arch.names.expert_up,
          wide(arch, spec),
          arch.quantization),
      down_(
          ck,
          at + arch.names.experts + arch.names.expert_down,
          narrow(arch, spec),
          arch.quantization),
      shared_(take_shared(ck, at, arch, spec)),
      shared_gate_(take_shared_gate(ck, at, arch, spec)) {
}

// (T, E) -> (T, k, E), where E may be the latent width
mx::array Moe::fed(const mx::array& x, const mx::array& experts) const {
  const auto up = up_(x, experts);
  if (!gate_) {
    return down_(activate(spec_.activation, up), experts);
  }
  const auto gate = (*gate_)(x, experts);
  return down_(
      spec_.clipped ? clipped_swiglu(gate, up, kClipAlpha, kClipLimit)
                    : gated(spec_.activation, gate, up),
      experts);
}

mx::array Moe::visited(const mx::array& x) const {
  const auto choice = router_(x);
  const auto y = fed(latent_in_ ? (*latent_in_)(x) : x, choice.experts);
  const auto sum = expert_sum(y, choice.shares);
  return latent_out_ ? (*latent_out_)(sum) : sum;
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
