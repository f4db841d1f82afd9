#pragma once

#include <string>

#include "models/arch_spec.h"
#include "nn/linear_group.h"

namespace parallm {

// A feed-forward part without experts; see MlpSpec. Engine thread only.
class Mlp {
 public:
  // `at` is the module's path, with a dot at its end.
  Mlp(Checkpoint& checkpoint,
      const std::string& at,
      const ArchSpec& arch,
      const MlpSpec& spec);

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x) const;

 private:
  MlpSpec spec_;
  LinearGroup in_;
  Linear down_;
};

} // namespace parallm
