#pragma once

#include <optional>
#include <string>

#include "nn/linear.h"

namespace parallm {

// The same linear layer of every expert, each token through those it was sent
// to. A value: copies share the weights. Engine thread only. Letters: T tokens,
// k experts of a token, X experts.
class ExpertLinear {
 public:
  struct Shape {
    int experts = 0;
    int inputs = 0;
    int outputs = 0;
    Bias bias = Bias::kNone;
  };

  // NAME.weight (X, outputs, inputs) with what else belongs to a packed one,
  // and NAME.bias (X, outputs). No adapter can change it yet.
  ExpertLinear(
      Checkpoint& checkpoint,
      const std::string& name,
      const Shape& shape,
      const Quantization& quantization);

  // x (T, inputs), or (T, k, inputs) with a row for each of a token's experts;
  // ids (T, k) int32 in [0, X) -> (T, k, outputs) of x's type, or of type `out`
  mx::array operator()(const mx::array& x, const mx::array& ids) const {
    return (*this)(x, ids, x.dtype());
  }
  mx::array operator()(
      const mx::array& x, const mx::array& ids, mx::Dtype out) const;

 private:
  WeightArrays weight_;
  std::optional<mx::array> bias_; // (X, outputs)
};

} // namespace parallm
