#pragma once

#include <string>

#include "kernels/selective_scan/selective_scan.h"
#include "models/arch_spec.h"
#include "models/time_conv.h"
#include "nn/linear_group.h"

namespace parallm {

// A Mamba-2 mixer; see Mamba2Spec. Engine thread only.
class Mamba2 {
 public:
  // `at` is the module's path, with a dot at its end; `state` the number of its
  // first state of two.
  Mamba2(
      Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const Mamba2Spec& spec,
      int state);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  mx::array normed(const mx::array& y) const; // (T, H P) -> the same

  ScanShape shape_;
  int norm_groups_;
  float eps_;
  LinearGroup in_; // the gate, what is convolved, time steps
  TimeConv conv_;
  ScanWeights scan_;
  mx::array norm_; // (H P)
  mx::array ones_; // as many as a group of the norm
  Linear out_;
  int state_;
};

} // namespace parallm
