#pragma once

#include <string>

#include "models/arch_spec.h"
#include "models/time_conv.h"
#include "nn/linear_group.h"

namespace parallm {

// A short convolution with two gates; see ShortConvSpec. Engine thread only.
class ShortConv {
 public:
  // `at` is the module's path, with a dot at its end; `state` its number.
  ShortConv(
      Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const ShortConvSpec& spec,
      int state);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  LinearGroup in_; // B, C and x
  TimeConv conv_;
  Linear out_;
};

} // namespace parallm
