#pragma once

#include <optional>
#include <string>
#include <variant>

#include "kernels/linear/linear.h"
#include "nn/checkpoint.h"
#include "nn/lora.h"
#include "nn/quantization.h"

namespace parallm {

enum class Bias : uint8_t { kNone, kRequired };

// A weight matrix as the checkpoint has it: dense, or packed in groups. Engine
// thread only.
class Weight {
 public:
  // NAME.weight, and NAME.scales and NAME.biases if it is packed. `rows` and
  // `columns` count the matrix's numbers, however packed.
  Weight(
      Checkpoint& checkpoint,
      const std::string& name,
      int rows,
      int columns,
      const Quantization& quantization);

  mx::Dtype dtype() const; // of the numbers it stands for

  // x (T, columns) times this, transposed -> (T, rows) of type `out`
  mx::array times(
      const mx::array& x,
      const std::optional<mx::array>& bias,
      mx::Dtype out) const;

  // ids (T) int32 -> those rows (T, columns)
  mx::array rows(const mx::array& ids) const;

  // All of it, not packed (rows, columns).
  mx::array unpacked() const;

 private:
  std::variant<mx::array, QuantizedWeight> form_;
};

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
