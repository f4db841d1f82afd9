#pragma once

#include <optional>
#include <string>

#include "nn/checkpoint.h"
#include "nn/norm_spec.h"

namespace parallm {

// Brings each row to one size, then multiplies by a weight: RMSNorm, or
// LayerNorm, which first takes away the mean. A value; engine thread only.
class Norm {
 public:
  // NAME.weight (width), and NAME.bias if there is one
  Norm(
      Checkpoint& checkpoint,
      const std::string& name,
      int width,
      const NormSpec& spec);

  // (rows, width) -> (rows, width)
  mx::array operator()(const mx::array& x) const;

 private:
  NormSpec spec_;
  mx::array weight_; // (width)
  std::optional<mx::array> bias_;
};

} // namespace parallm
