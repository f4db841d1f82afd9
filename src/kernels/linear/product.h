#pragma once

#include <cstdint>

#include "kernels/floats.h"

// Forms of weights, and products with dense ones. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

enum class WeightForm : uint8_t {
  kF32,
  kF16,
  kBF16,
  kAffine2,
  kAffine3,
  kAffine4,
  kAffine5,
  kAffine6,
  kAffine8,
  kMxfp4,
  kNvfp4,
  kMxfp8
};

// What one number of the weight takes, without its share of the scales.
constexpr int form_bits(WeightForm form) {
  constexpr int kBits[] = {32, 16, 16, 2, 3, 4, 5, 6, 8, 4, 4, 8};
  return kBits[static_cast<int>(form)];
}

constexpr bool is_affine(WeightForm form) {
  return form >= WeightForm::kAffine2 && form <= WeightForm::kAffine8;
}

constexpr bool is_packed(WeightForm form) {
  return form >= WeightForm::kAffine2;
}

// A dense matrix (outputs, inputs).
struct DenseMatrix {
  WeightForm form = WeightForm::kF32;
  int inputs = 0;
  int outputs = 0;
  const void* weight = nullptr;
  const void* bias = nullptr; // (outputs) or none
  FloatType bias_type = FloatType::kF32;
};

struct DenseProduct {
  DenseMatrix weight;
  const float* x = nullptr; // (rows, round_up(inputs)), padded with zeros
  int rows = 0;
  void* const* out = nullptr; // for each row of x: its outputs
  FloatType out_type = FloatType::kF32;
};

// Outputs [first, end) of all rows. Sums in an order that does not depend on
// rows or range.
void multiply_dense(const DenseProduct& product, int first, int end);

} // namespace parallm
