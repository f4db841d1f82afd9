#include "models/mlp.h"

#include "kernels/activation/activation.h"

namespace parallm {
namespace {

Bias bias(const MlpSpec& m) {
  return m.bias ? Bias::kRequired : Bias::kNone;
}

std::vector<LinearGroup::Member> members_of(
    const std::string& at, const ModuleNames& names, const MlpSpec& m) {
  if (!m.gated) {
    return {{at + names.up, {m.width}}};
  }
  if (m.joined) {
    return {{at + names.gate_up, {m.width, m.width}}};
  }
  return {{at + names.gate, {m.width}}, {at + names.up, {m.width}}};
}

} // namespace

Mlp::Mlp(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MlpSpec& spec)
    : spec_(spec),
      in_(ck,
          members_of(at, arch.names, spec),
          arch.width,
          bias(spec),
          arch.quantization),
      down_(
          ck,
          at + arch.names.down,
          {spec.width, arch.width, bias(spec)},
          arch.quantization) {
}

mx::array Mlp::operator()(const mx::array& x) const {
  const auto in = in_(x);
  return down_(
      spec_.gated ? gated(spec_.activation, in[0], in[1])
                  : activate(spec_.activation, in[0]));
}

} // namespace parallm
