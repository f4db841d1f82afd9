#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <vector>

#include "kernels/rope/rope.h"
#include "kernels/state_rows.h"

namespace parallm {

namespace mx = mlx::core;

struct AttentionSpec {
  int layer = 0;
  float scale = 1.0f;
  int window = 0;    // 0: all earlier positions; W: the last W, itself included
  float softcap = 0; // scores s become c tanh(s / c); 0: they stay
  std::optional<mx::array> sinks{}; // (H) scores that take part in each softmax
};

// Stores this step's keys and values for one layer and attends over all that
// the step's sequences have stored. Hides blocks, padding and masks. Engine
// thread only.
// Letters: T tokens of the step, H query heads, G key/value heads, D width of
// a key, Dv of a value.
class Attention {
 public:
  virtual ~Attention() = default;
  // q (T, H, D), k (T, G, D), v (T, G, Dv) -> (T, H, Dv). No v: the values are
  // part of the keys, as the model's shape says.
  virtual mx::array operator()(
      const AttentionSpec& spec,
      const mx::array& q,
      const mx::array& k,
      const std::optional<mx::array>& v) = 0;

  // The same in two calls, of heads that are still to be turned (see
  // rope_heads): stores k and v (T, G, Dv) and returns q (T, H, D),
  virtual mx::array place(
      int layer,
      const RopeHeads& q,
      const RopeHeads& k,
      const mx::array& v,
      const RopeTurns& turns) = 0;
  // and attends with such q over all that is stored -> (T, H, Dv).
  virtual mx::array attend(const AttentionSpec& spec, const mx::array& q) = 0;
};

// What recurrent layers remember of the step's sequences, instead of keys and
// values: arrays of states, by number, a slot for each sequence. Engine thread
// only.
class States {
 public:
  virtual ~States() = default;
  virtual const std::vector<StateRow>& rows() const = 0;
  // (slots, floats of one) float32, ordered after all that was kept.
  virtual const mx::array& state(int number) const = 0;
  // What a kernel made of it.
  virtual void keep(int number, const mx::array& newest) = 0;
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
  States& states;
  const mx::array& positions; // (T) int32
};

} // namespace parallm
