#pragma once

#include <optional>
#include <string>

#include "models/arch_spec.h"
#include "nn/expert_linear.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "nn/step_context.h"

namespace parallm {

// Multi-head latent attention of one layer, absorbed; see MlaSpec. Engine
// thread only. Letters: R width of the latent, P of the rotated part.
class Mla {
 public:
  // `at` is the module's path, with a dot at its end.
  Mla(Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const MlaSpec& spec,
      int layer);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const;

 private:
  struct Queries { // down to a rank and up again, or in one
    std::optional<Linear> down;
    std::optional<Norm> norm;
    Linear up;
  };
  static Queries take_queries(
      Checkpoint&, const std::string& at, const ArchSpec&, const MlaSpec&);

  mx::array queries(
      const mx::array& x, StepContext& ctx) const;            // (T, H, R + P)
  mx::array keys(const mx::array& x, StepContext& ctx) const; // (T, 1, R + P)
  mx::array each_head(const ExpertLinear& linear, const mx::array& x) const;

  MlaSpec spec_;
  Queries queries_;
  Linear latent_down_;
  Norm latent_norm_;
  ExpertLinear query_to_latent_, latent_to_value_; // a matrix for each head
  Linear out_;
  Rope rope_;
  AttentionSpec attention_;
};

} // namespace parallm
