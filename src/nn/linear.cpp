#include "nn/linear.h"

namespace parallm {
namespace {

std::optional<LoraDelta> take_lora(
    Checkpoint& checkpoint,
    const std::string& name,
    const Linear::Shape& shape,
    const Weight& weight) {
  const auto lora = checkpoint.take_lora(name, shape.inputs, shape.outputs);
  if (!lora) {
    return std::nullopt;
  }
  return LoraDelta(checkpoint, *lora, weight.unpacked());
}

} // namespace

Linear::Linear(
    Checkpoint& checkpoint,
    const std::string& name,
    const Shape& shape,
    const Quantization& quantization)
    : weight_(checkpoint, name, shape.outputs, shape.inputs, quantization),
      bias_(
          shape.bias == Bias::kRequired
              ? std::optional(checkpoint.take(name + ".bias", {shape.outputs}))
              : std::nullopt),
      lora_(take_lora(checkpoint, name, shape, weight_)) {
}

// LoRA comes after the bias; DoRA scales the outputs before it.
mx::array Linear::adapted(const mx::array& x, mx::Dtype out) const {
  const auto& magnitude = lora_->magnitude();
  if (!magnitude) {
    return weight_.times(x, bias_, out) + (*lora_)(x, out);
  }
  const auto y = mx::astype(*magnitude, out) *
                 (weight_.times(x, std::nullopt, out) + (*lora_)(x, out));
  return bias_ ? y + mx::astype(*bias_, out) : y;
}

} // namespace parallm
