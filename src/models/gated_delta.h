#pragma once

#include <string>

#include "kernels/gated_delta/gated_delta.h"
#include "models/arch_spec.h"
#include "models/time_conv.h"
#include "nn/linear_group.h"
#include "nn/norm.h"

namespace parallm {

// A gated delta net; see GatedDeltaSpec. Engine thread only.
class GatedDelta {
 public:
  // `at` is the module's path, with a dot at its end; `state` the number of its
  // first state of two. Of in_proj_qkvz and in_proj_ba the checkpoint has the
  // rows of all heads part by part: queries, keys, values, z; b, a.
  GatedDelta(
      Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const GatedDeltaSpec& spec,
      int state);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  DeltaShape shape_;
  LinearGroup in_; // queries, keys and values; gates z; b; a
  TimeConv conv_;
  DeltaWeights weights_;
  Norm norm_;
  Linear out_;
  int state_;
};

} // namespace parallm
