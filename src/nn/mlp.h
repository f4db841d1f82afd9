#pragma once

#include <string>

#include "kernels/swiglu/swiglu.h"
#include "nn/linear.h"
#include "nn/model_config.h"

namespace parallm {

// down(silu(gate(x)) * up(x)). Engine thread only.
class GatedMlp {
 public:
  GatedMlp(
      Checkpoint& checkpoint, const std::string& name, const ModelConfig& c)
      : gate_(checkpoint, name + ".gate_proj", wide(c), c.quantization),
        up_(checkpoint, name + ".up_proj", wide(c), c.quantization),
        down_(
            checkpoint,
            name + ".down_proj",
            {c.mlp_width, c.width, bias(c)},
            c.quantization) {}

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x) const {
    return down_(swiglu(gate_(x), up_(x)));
  }

 private:
  static Bias bias(const ModelConfig& c) {
    return c.mlp_bias ? Bias::kRequired : Bias::kNone;
  }
  static Linear::Shape wide(const ModelConfig& c) {
    return {c.width, c.mlp_width, bias(c)};
  }

  Linear gate_, up_, down_;
};

} // namespace parallm
