#pragma once

#include <string>

#include "kernels/rms_norm/rms_norm.h"
#include "nn/checkpoint.h"

namespace parallm {

// Scales each row to a mean square of 1, then by a weight. Engine thread only.
class RmsNorm {
 public:
  RmsNorm(Checkpoint& checkpoint, const std::string& name, int width, float eps)
      : weight_(checkpoint.take(name + ".weight", {width})), eps_(eps) {}

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x) const {
    return rms_norm(x, weight_, eps_);
  }

 private:
  mx::array weight_; // (E)
  float eps_;
};

} // namespace parallm
