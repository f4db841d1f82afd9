#pragma once

#include <optional>
#include <string>

#include "models/mlp.h"
#include "models/router.h"
#include "nn/expert_linear.h"

namespace parallm {

// A feed-forward part of many experts, of which a token visits a few; see
// MoeSpec. Engine thread only.
class Moe {
 public:
  // `at` is the module's path, with a dot at its end.
  Moe(Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const MoeSpec& spec);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x) const;

 private:
  mx::array visited(const mx::array& x) const;

  mx::array fed(const mx::array& x, const mx::array& experts) const;

  MoeSpec spec_;
  Router router_;
  std::optional<Linear> latent_in_, latent_out_;
  std::optional<ExpertLinear> gate_;
  ExpertLinear up_, down_;
  std::optional<Mlp> shared_;
  std::optional<Linear> shared_gate_;
};

} // namespace parallm
