#include "nn/linear.h"

#include "base/check.h"

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
LinearWeight Linear::product() const {
  const bool late = lora_ && lora_->magnitude();
  return {weight_.arrays(), late ? std::nullopt : bias_};
}

mx::array Linear::finished(const mx::array& x, const mx::array& product) const {
  if (!lora_) {
    return product;
  }
  const auto out = product.dtype();
  const auto sum = product + (*lora_)(x, out);
  const auto& magnitude = lora_->magnitude();
  if (!magnitude) {
    return sum;
  }
  const auto y = mx::astype(*magnitude, out) * sum;
  return bias_ ? y + mx::astype(*bias_, out) : y;
}

std::vector<Linear> Linear::split(
    Checkpoint& checkpoint, const std::vector<int>& outputs) const {
  PARALLM_CHECK(!lora_, "{} layers in one that is adapted", outputs.size());
  const auto biases =
      bias_ ? checkpoint.keep_split(*bias_, outputs) : std::vector<mx::array>{};
  std::vector<Linear> layers;
  for (auto& weight : weight_.split(checkpoint, outputs)) {
    const size_t i = layers.size();
    layers.push_back(Linear(
        std::move(weight),
        biases.empty() ? std::nullopt : std::optional(biases[i])));
  }
  return layers;
}

} // namespace parallm
