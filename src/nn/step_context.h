#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

struct AttentionSpec {
  int layer = 0;
  float scale = 1.0f;
  int window = 0; // 0: all earlier positions; W: the last W, itself included
};

// Stores this step's keys and values for one layer and attends over all that
// the step's sequences have stored. Hides blocks, padding and masks. Engine
// thread only.
// Letters: T tokens of the step, H query heads, G key/value heads, D width.
class Attention {
 public:
  virtual ~Attention() = default;
  // q (T, H, D), k and v (T, G, D) -> (T, H, D)
  virtual mx::array operator()(
      const AttentionSpec& spec,
      const mx::array& q,
      const mx::array& k,
      const mx::array& v) = 0;
};

// What one step feeds the model: packed and ragged, no padding, no masks.
// Engine thread only.
struct StepInput {
  mx::array tokens;    // (T) int32
  mx::array positions; // (T) int32, each token's place in its own sequence
};

// Goes to every layer; no layer reads a global. Engine thread only.
struct StepContext {
  Attention& attention;
  const mx::array& positions; // (T) int32
};

} // namespace parallm
