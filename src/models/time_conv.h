#pragma once

#include <optional>
#include <string>

#include "nn/checkpoint.h"
#include "nn/linear.h"
#include "nn/step_context.h"

namespace parallm {

// A convolution over time, each channel by itself, that goes on from a state.
// Engine thread only.
class TimeConv {
 public:
  struct Shape {
    int channels = 0; // C
    int taps = 0;     // K
    Bias bias = Bias::kNone;
  };

  // NAME.weight (C, K), see flatten_convolutions, and NAME.bias if there is one
  TimeConv(
      Checkpoint& checkpoint,
      const std::string& name,
      const Shape& shape,
      int state);

  // (T, C) -> (T, C)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  mx::array weight_; // (K, C)
  std::optional<mx::array> bias_;
  int state_;
};

} // namespace parallm
