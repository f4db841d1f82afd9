#include "models/router.h"

namespace parallm {
namespace {

Bias bias(const RouterSpec& spec) {
  return spec.bias ? Bias::kRequired : Bias::kNone;
}

} // namespace

Router::Router(
    Checkpoint& ck,
    const std::string& at,
    const ArchSpec& arch,
    const MoeSpec& spec)
    : spec_(spec.router),
      per_token_(spec.per_token),
      gate_(
          ck,
          at,
          {arch.width, spec.experts, bias(spec.router)},
          arch.quantization),
      correction_(
          spec.router.correction
              ? std::optional(ck.take_float32(
                    at + ".e_score_correction_bias", {spec.experts}))
              : std::nullopt) {
}

ExpertChoice Router::operator()(const mx::array& x) const {
  return choose_experts(gate_(x, mx::float32), correction_, per_token_, spec_);
}

} // namespace parallm
