#include "nn/expert_linear.h"

#include "kernels/experts/expert_linear.h"

namespace parallm {

ExpertLinear::ExpertLinear(
    Checkpoint& checkpoint,
    const std::string& name,
    const Shape& shape,
    const Quantization& quantization)
    : weight_(take_weight(
          checkpoint,
          name,
          {shape.experts, shape.outputs, shape.inputs},
          quantization)),
      bias_(
          shape.bias == Bias::kRequired
              ? std::optional(checkpoint.take(
                    name + ".bias", {shape.experts, shape.outputs}))
              : std::nullopt) {
  checkpoint.expect_no_lora(name, "an expert layer");
}

mx::array ExpertLinear::operator()(
    const mx::array& x, const mx::array& ids, mx::Dtype out) const {
  return std::visit(
      [&](const auto& weight) {
        return expert_linear(x, ids, weight, bias_, out);
      },
      weight_);
}

} // namespace parallm
