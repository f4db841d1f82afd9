#pragma once

#include <vector>

#include "kernels/rope/rope.h"
#include "nn/rope_spec.h"
#include "nn/step_context.h"

namespace parallm {

// Radians a position for each pair that is turned. Any thread.
std::vector<float> rope_frequencies(const RopeSpec& spec);

// Turns heads by their tokens' positions. Engine thread only.
class Rope {
 public:
  explicit Rope(const RopeSpec& spec);

  // (T, heads, D) -> (T, heads, D), each token turned by its own position
  mx::array operator()(const mx::array& x, const mx::array& positions) const {
    return rope(x, positions, frequencies_, pairs_, amplitude_);
  }

  // For heads of this width; `eps` is that of their norms, if they have any.
  RopeTurns turns(const mx::array& positions, int width, float eps) const {
    return {positions, frequencies_, {width, pairs_, amplitude_, eps}};
  }

 private:
  mx::array frequencies_; // (width / 2)
  RopePairs pairs_;
  float amplitude_;
};

} // namespace parallm
