#pragma once

#include <optional>
#include <vector>

#include "kernels/cpu_primitive.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/product_batch.h"

// How a weight, or a stack of them, goes through a primitive's inputs to the
// products on plain memory. Letters: X matrices of the stack, K inputs, N
// outputs.
namespace parallm {

// A global scale is the largest number of its matrix. It stands for the largest
// scale, 448, of the largest code, 6.
inline constexpr float kGlobalScaleUnit = 448.0f * 6.0f;

// What a primitive keeps of a weight while MLX keeps the arrays.
struct WeightLayout {
  WeightForm form = WeightForm::kF32;
  PanelLayout panels{}; // packed forms only, as are the next two
  Activations activations = Activations::kInt8;
  bool globally_scaled = false;
  bool biased = false;
};

// The arrays, in this order: the weight, its global scales, the bias of the
// outputs, as far as it has them. Engine thread only.
struct WeightOperands {
  WeightLayout layout{};
  std::vector<mx::array> arrays{};
  int inputs = 0;  // K
  int outputs = 0; // N
};

WeightOperands weight_operands(
    const mx::array& weight, const std::optional<mx::array>& bias);
WeightOperands weight_operands(
    const PanelWeight& weight, const std::optional<mx::array>& bias);
// Packed now, activations exact.
WeightOperands weight_operands(
    const QuantizedWeight& weight, const std::optional<mx::array>& bias);

// The same arrays once they are evaluated. Made in eval_cpu, read on the
// stream's thread.
class WeightView {
 public:
  // The arrays are those of `in` from `first` on, as many as the layout has.
  WeightView(
      const WeightLayout& layout,
      const std::vector<mx::array>& in,
      size_t first);

  const WeightLayout& layout() const { return layout_; }
  int matrices() const { return matrices_; } // X; 1 if there is no such axis
  size_t arrays() const { return parts_.size(); }

  // The product of rows by one matrix. The view must outlive the batch.
  void add_to(ProductBatch& batch, int matrix, const ProductRows& rows);

 private:
  struct Part {
    RowMajor memory;
    size_t matrix_bytes;
  };

  PanelMatrix panels(int matrix); // packed forms
  DenseMatrix dense(int matrix);  // others
  const void* at(size_t part, int matrix);
  const void* bias(int matrix);

  WeightLayout layout_;
  int matrices_;
  int inputs_, outputs_;
  FloatType bias_type_ = FloatType::kF32;
  std::vector<Part> parts_;
};

} // namespace parallm
