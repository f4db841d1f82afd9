#pragma once

#include <optional>
#include <string>

#include "kernels/rms_norm/rms_norm.h"
#include "nn/checkpoint.h"
#include "nn/norm_spec.h"

namespace parallm {

// The residual stream between two parts of a layer: what has been added up
// (T, E), and what the last part gave, which whoever reads it next adds in the
// kernel of its norm.
struct Residual {
  mx::array x;
  std::optional<Addend> addend{};
};

mx::array sum(const Residual& stream);

// A stream once it is added up, and what a part reads of it.
struct ResidualRead {
  mx::array x;
  mx::array normed;
};

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

  ResidualRead read(const Residual& stream) const;
  // y (T, E) as it is added to a stream: brought to size, then times `scale`.
  Addend addend(const mx::array& y, float scale) const;

  // The weight, where the norm is nothing but the RMS and it: for kernels that
  // take it in.
  std::optional<mx::array> rms_weight() const;

 private:
  NormSpec spec_;
  mx::array weight_; // (width)
  std::optional<mx::array> bias_;
};

} // namespace parallm
