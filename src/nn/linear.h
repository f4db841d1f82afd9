#pragma once

#include <optional>
#include <string>

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
    return lora_ ? adapted(x, out) : weight_.times(x, bias_, out);
  }

 private:
  mx::array adapted(const mx::array& x, mx::Dtype out) const;

  Weight weight_;
  std::optional<mx::array> bias_; // (outputs)
  std::optional<LoraDelta> lora_; // none: the adapter leaves this layer alone
};

} // namespace parallm
