#pragma once

#include "engine/step.h"

namespace parallm {

// The seam between deciding and doing. Engine thread only. Steps are launched,
// sampled and collected in order; at most two are launched and uncollected.
//
//   launch(n+1)  apply slot changes, start the forward pass; does not wait
//   collect()    result of step n, the oldest uncollected; the only wait
//   sample(n+1)  draw from the logits; by now the tokens of step n are known
//
// Each may throw: the rows of that plan have failed. After a throw the runner
// has forgotten the step and is fit for the next; a step that failed has
// written to the positions of its own rows or nowhere.
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;
  virtual void launch(const StepPlan& plan) = 0;
  virtual void sample(const StepPlan& plan) = 0;
  virtual StepResult collect() = 0;
};

} // namespace parallm
