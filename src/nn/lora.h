#pragma once

#include <optional>

#include "nn/checkpoint.h"

namespace parallm {

// How an adapter changes y = x W' of one linear layer, in the order of
// roundings of mlx-lm's LoRALinear and DoRALinear. A value: copies share the
// arrays. Engine thread only.
class LoraDelta {
 public:
  // weight (outputs, inputs): the layer's own, not packed; lazy, and looked at
  // for DoRA only.
  LoraDelta(
      Checkpoint& checkpoint,
      const LoraTensors& tensors,
      const mx::array& weight);

  // x (T, inputs) -> what is added to y, (T, outputs) of type `out`
  mx::array operator()(const mx::array& x, mx::Dtype out) const;

  // By what each output is multiplied after that, (outputs); none for LoRA.
  const std::optional<mx::array>& magnitude() const { return magnitude_; }

 private:
  mx::array a_; // (rank, inputs)
  mx::array b_; // (outputs, rank)
  float scale_;
  std::optional<mx::array> magnitude_;
};

} // namespace parallm
