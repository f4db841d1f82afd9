#pragma once

#include <vector>

#include "nn/step_context.h"

namespace parallm {

// What the rest of the engine must know about a loaded model.
struct ModelShape {
  int layers = 0;
  int kv_layers = 0; // of them, those that keep keys and values
  int kv_heads = 0;
  int head_dim = 0; // of a key, and of a value unless
  int latent = 0;   // > 0: values are the first so many numbers of the keys
  int vocab = 0;
  int max_positions = 0;
  mx::Dtype dtype = mx::float32; // of the hidden states, and so of K and V
  std::vector<int> states{};     // floats that a sequence keeps in each of them
};

// One architecture with its weights. Engine thread only.
class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelShape& shape() const = 0;
  // -> (T, E), lazily; nothing is evaluated here
  virtual mx::array hidden(const StepInput& in, StepContext& ctx) const = 0;
  // (R, E) -> (R, V), lazily
  virtual mx::array logits(const mx::array& rows) const = 0;
};

} // namespace parallm
