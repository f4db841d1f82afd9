#pragma once

#include <optional>
#include <string>

#include "kernels/expert_choice/expert_choice.h"
#include "models/arch_spec.h"
#include "nn/linear.h"

namespace parallm {

// Chooses experts for each token; see RouterSpec. Engine thread only.
class Router {
 public:
  // `at` is the module's path.
  Router(
      Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const MoeSpec& spec);

  // x (T, E). Each token by itself.
  ExpertChoice operator()(const mx::array& x) const;

 private:
  RouterSpec spec_;
  int per_token_;
  Linear gate_;
  std::optional<mx::array> correction_; // (experts) float32
};

} // namespace parallm
