#pragma once

#include <string>

#include "kernels/gated_delta/gated_delta.h"
#include "models/arch_spec.h"
#include "models/time_conv.h"
#include "nn/linear.h"
#include "nn/norm.h"

namespace parallm {

// A gated delta net; see GatedDeltaSpec. Engine thread only.
class GatedDelta {
 public:
  // `at` is the module's path, with a dot at its end; `state` the number of its
  // first state of two.
  GatedDelta(
      Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const GatedDeltaSpec& spec,
      int state);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  // Of a token, by heads of keys: query, key, and values and gates of the heads
  // that share them; b and a likewise.
  struct Projected {
    mx::array qkv;  // (T, 2 Hk Dk + Hv Dv)
    mx::array z;    // (T Hv, Dv)
    mx::array a, b; // (T, Hv)
  };
  Projected project(const mx::array& x) const;

  DeltaShape shape_;
  Linear qkvz_, ba_;
  TimeConv conv_;
  DeltaWeights weights_;
  Norm norm_;
  Linear out_;
  int state_;
};

} // namespace parallm
