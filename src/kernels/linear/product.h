#pragma once

#include <cstdint>

#include "kernels/floats.h"

// The arithmetic of `linear` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

enum class WeightForm : uint8_t { kF32, kF16, kBF16, kAffine4, kAffine8 };

struct ProductArgs {
  const float* x = nullptr; // (rows, round_up(inputs)), padded with zeros
  int rows = 0;
  int inputs = 0;
  int first_output = 0; // outputs [first_output, end_output) are computed
  int end_output = 0;
  int outputs = 0;
  WeightForm form = WeightForm::kF32;
  const void* weight = nullptr; // (outputs, inputs) of the form
  const void* scales = nullptr; // (outputs, inputs / group_size), affine only
  const void* biases = nullptr;
  FloatType scale_type = FloatType::kF32;
  int group_size = 0;
  const void* bias = nullptr; // (outputs) or none
  FloatType bias_type = FloatType::kF32;
  void* out = nullptr; // (rows, outputs)
  FloatType out_type = FloatType::kF32;
};

void product(const ProductArgs& args);

} // namespace parallm
