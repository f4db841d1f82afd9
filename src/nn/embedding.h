#pragma once

#include <optional>
#include <string>

#include "nn/linear.h"

namespace parallm {

// The table of token vectors, dense or packed; also the head where it is tied.
// Engine thread only.
class Embedding {
 public:
  Embedding(
      Checkpoint& checkpoint,
      const std::string& name,
      int vocab,
      int width,
      const Quantization& quantization)
      : weight_(checkpoint, name, vocab, width, quantization) {
    checkpoint.expect_no_lora(name, "an embedding");
  }

  mx::Dtype dtype() const { return weight_.dtype(); }

  // tokens (T) int32 -> (T, E)
  mx::array operator()(const mx::array& tokens) const {
    return weight_.rows(tokens);
  }

  // (R, E) -> scores of all tokens (R, V), float32
  mx::array scores(const mx::array& x) const {
    return weight_.times(x, std::nullopt, mx::float32);
  }

 private:
  Weight weight_; // (V, E)
};

} // namespace parallm
