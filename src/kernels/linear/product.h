#pragma once

#include <cstdint>

#include "kernels/floats.h"

// The arithmetic of `linear` on plain memory. No MLX here.
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

// Rows of x that stay in the cache; guessed. The weight is unpacked once for
// each block of so many, so that more rows in a call gain nothing.
inline constexpr int kProductRowBlock = 32;

struct ProductArgs {
  const float* x = nullptr; // (rows, round_up(inputs)), padded with zeros
  int rows = 0;
  int inputs = 0;
  int first_output = 0; // outputs [first_output, end_output) are computed
  int end_output = 0;
  int outputs = 0;
  WeightForm form = WeightForm::kF32;
  const void* weight = nullptr; // (outputs, inputs) of the form
  // (outputs, inputs / group_size), packed forms only: of scale_type if affine,
  // else a byte each
  const void* scales = nullptr;
  const void* biases = nullptr; // likewise, affine only
  FloatType scale_type = FloatType::kF32;
  float scale_factor = 1; // of every scale, nvfp4 only
  int group_size = 0;
  const void* bias = nullptr; // (outputs) or none
  FloatType bias_type = FloatType::kF32;
  void* out = nullptr; // (rows, outputs)
  FloatType out_type = FloatType::kF32;
};

void product(const ProductArgs& args);

} // namespace parallm
