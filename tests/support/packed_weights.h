#pragma once

#include <fmt/format.h>

#include "kernels/linear/linear.h"
#include "tests/support/arrays.h"

// Weights in each form that MLX writes, and what MLX makes of them. Main
// thread only.
namespace parallm::test {

struct PackedForm {
  QuantMode mode;
  int bits;
  int group_size;
};

inline std::vector<PackedForm> packed_forms() {
  std::vector<PackedForm> forms = {
      {QuantMode::kMxfp4, 4, 32},
      {QuantMode::kNvfp4, 4, 16},
      {QuantMode::kMxfp8, 8, 32}};
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group_size : {32, 64, 128}) {
      forms.push_back({QuantMode::kAffine, bits, group_size});
    }
  }
  return forms;
}

inline std::string text(const PackedForm& form) {
  return fmt::format(
      "{} {} bits, groups of {}", name_of(form.mode), form.bits,
      form.group_size);
}

// w (..., N, K)
inline QuantizedWeight quantized(const mx::array& w, const PackedForm& form) {
  const auto parts =
      mx::quantize(w, form.group_size, form.bits, name_of(form.mode));
  return {
      parts[0],
      parts[1],
      parts.size() > 2 ? std::optional(parts[2]) : std::nullopt,
      form.group_size,
      form.bits,
      form.mode};
}

// (..., N, K) float32
inline mx::array dequantized(const QuantizedWeight& w) {
  const bool affine = w.mode == QuantMode::kAffine;
  return mx::dequantize(
      w.packed, affine ? mx::astype(w.scales, mx::float32) : w.scales,
      affine ? std::optional(mx::astype(*w.biases, mx::float32)) : std::nullopt,
      w.group_size, w.bits, name_of(w.mode), std::nullopt, mx::float32);
}

} // namespace parallm::test
