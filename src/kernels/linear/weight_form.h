#pragma once

#include <cstdint>

// Forms of weights. No MLX here. Plain values; any thread.
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

} // namespace parallm
