#pragma once

#include <optional>
#include <vector>

#include "kernels/cpu_primitive.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/product.h"

// How a weight, or a stack of them, goes through a primitive's inputs to
// `product`. Letters: X matrices of the stack, K inputs, N outputs.
namespace parallm {

// A global scale is the largest number of its matrix. It stands for the largest
// scale, 448, of the largest code, 6.
inline constexpr float kGlobalScaleUnit = 448.0f * 6.0f;

// What a primitive keeps of a weight while MLX keeps the arrays.
struct WeightLayout {
  WeightForm form = WeightForm::kF32;
  int group_size = 0; // 0: dense
  bool globally_scaled = false;
  bool biased = false;
};

// The arrays, in this order: the weight; its scales, biases and global scales,
// as far as it has them; the bias of the outputs, if any. Engine thread only.
struct WeightOperands {
  WeightLayout layout{};
  std::vector<mx::array> arrays{};
};

WeightOperands weight_operands(
    const mx::array& weight, const std::optional<mx::array>& bias);
WeightOperands weight_operands(
    const QuantizedWeight& weight, const std::optional<mx::array>& bias);

// K, as the arrays have it; for checks.
int weight_inputs(const WeightOperands& operands);

// The same arrays once they are evaluated. Made in eval_cpu, read on the
// stream's thread.
class WeightView {
 public:
  // The arrays are those of `in` from `first` on, as many as the layout has.
  WeightView(
      const WeightLayout& layout,
      const std::vector<mx::array>& in,
      size_t first);

  int matrices() const { return matrices_; } // X; 1 if there is no such axis
  size_t arrays() const { return parts_.size(); }

  // All that a product by one matrix needs but its rows. Of memory that lives
  // as long as the view.
  ProductArgs matrix(int index);

 private:
  struct Part {
    RowMajor memory;
    size_t matrix_bytes;
  };

  const void* at(size_t part, int index);

  WeightLayout layout_;
  int matrices_;
  ProductArgs sizes_; // without memory
  std::vector<Part> parts_;
};

} // namespace parallm
