#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/lora.h"
#include "nn/weight.h"

namespace parallm {

enum class Bias : uint8_t { kNone, kRequired };

constexpr Bias bias_if(bool present) {
  return present ? Bias::kRequired : Bias::kNone;
}

// y = x W' + b, changed by the adapter if it has something for this layer. A
// value: copies share the weights. Engine thread only.
class Linear {
 public:
  struct Shape {
    int inputs = 0;
    int outputs = 0;
    Bias bias = Bias::kNone;
  };

  Linear(
      Checkpoint& checkpoint,
      const std::string& name,
      const Shape& shape,
      const Quantization& quantization);

  // x (T, inputs) -> (T, outputs) of x's type, or of type `out`
  mx::array operator()(const mx::array& x) const {
    return (*this)(x, x.dtype());
  }
  mx::array operator()(const mx::array& x, mx::Dtype out) const {
    return finished(x, linear_group(x, {product()}, out)[0]);
  }

  // The same in two parts, for several layers in one kernel: what the product
  // needs, and what becomes of it (T, outputs).
  LinearWeight product() const;
  mx::array finished(const mx::array& x, const mx::array& product) const;

  bool splits_at(const std::vector<int>& outputs) const {
    return !lora_ && weight_.splits_at(outputs);
  }
  // Outputs next to each other, so many each, as layers in the same memory,
  // which the checkpoint keeps instead of this one. For layers that are not
  // adapted.
  std::vector<Linear> split(
      Checkpoint& checkpoint, const std::vector<int>& outputs) const;

 private:
  Linear(Weight weight, std::optional<mx::array> bias)
      : weight_(std::move(weight)), bias_(std::move(bias)) {}

  Weight weight_;
  std::optional<mx::array> bias_;   // (outputs)
  std::optional<LoraDelta> lora_{}; // none: the adapter leaves this layer alone
};

} // namespace parallm
