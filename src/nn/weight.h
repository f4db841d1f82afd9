#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/linear/linear.h"
#include "nn/checkpoint.h"
#include "nn/quantization.h"

namespace parallm {

// A matrix, or a stack of them, as the checkpoint has it: dense, or packed.
using WeightArrays = decltype(LinearWeight::weight);

// NAME.weight (N, K) or (X, N, K); if it is packed, with NAME.scales and, as
// its form has them, NAME.biases or a stack's NAME.global_scale. The shape
// counts the numbers, however packed. Engine thread only.
WeightArrays take_weight(
    Checkpoint& checkpoint,
    const std::string& name,
    const mx::Shape& shape,
    const Quantization& quantization);

// How many numbers the weights stand for, however packed; scales and biases of
// packed ones are none of them. Any thread.
size_t count_numbers(
    const WeightFiles& files, const Quantization& quantization);

// A weight matrix. A value: copies share the arrays. Engine thread only.
class Weight {
 public:
  // `rows` and `columns` count the matrix's numbers, however packed.
  Weight(
      Checkpoint& checkpoint,
      const std::string& name,
      int rows,
      int columns,
      const Quantization& quantization);

  mx::Dtype dtype() const { return dtype_; } // of the numbers it stands for
  const WeightArrays& arrays() const { return arrays_; }

  // x (T, columns) times this, transposed -> (T, rows) of type `out`
  mx::array times(
      const mx::array& x,
      const std::optional<mx::array>& bias,
      mx::Dtype out) const;

  // ids (T) int32 -> those rows (T, columns)
  mx::array rows(const mx::array& ids) const;

  // All of it, not packed (rows, columns).
  mx::array unpacked() const;

  // Rows next to each other, so many each, as weights in the same memory, which
  // the checkpoint keeps instead of this one. Where it can be cut: panels of
  // the CPU's kernels stay whole.
  bool splits_at(const std::vector<int>& rows) const;
  std::vector<Weight> split(
      Checkpoint& checkpoint, const std::vector<int>& rows) const;

 private:
  Weight(WeightArrays arrays, mx::Dtype dtype)
      : arrays_(std::move(arrays)), dtype_(dtype) {}

  WeightArrays arrays_;
  mx::Dtype dtype_;
};

} // namespace parallm
