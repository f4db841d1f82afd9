#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <variant>
#include <vector>

#include "kernels/linear/quant_mode.h"

// Products with a weight matrix, the bulk of a model's work. Engine thread
// only. Letters: T rows of x, K inputs, N outputs.
namespace parallm {

namespace mx = mlx::core;

// A weight as MLX packs it, in groups of inputs that share a scale; codes are
// a stream of bits, low bits first:
//   affine  code * scale + bias; 2, 3, 4, 5, 6 or 8 bits; any float scales;
//           groups of 32, 64 or 128
//   mxfp4   E2M1 * 2^(scale - 127), groups of 32
//   nvfp4   E2M1 * scale as E4M3 (* global scale / 2688), groups of 16
//   mxfp8   E4M3 * 2^(scale - 127), groups of 32
// A stack of experts has an axis X before those of each array.
struct QuantizedWeight {
  mx::array packed;                // (N, K * bits / 32) uint32
  mx::array scales;                // (N, K / group_size); uint8 unless affine
  std::optional<mx::array> biases; // affine only: as scales, of their type
  int group_size = 64;
  int bits = 4;
  QuantMode mode = QuantMode::kAffine;
  std::optional<mx::array> global_scale{}; // (X) f32: experts in nvfp4, or none
};

// x (T, K) times weight (N, K) transposed, plus bias (N) -> (T, N) of type
// `out`. Any mix of f32, f16 and bf16; sums in float32, in an order that does
// not depend on T: a row has the same bits alone and in any batch. Lazy.
mx::array linear(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);
mx::array linear(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);

// What one of several products with the same x needs.
struct LinearWeight {
  std::variant<mx::array, QuantizedWeight> weight;
  std::optional<mx::array> bias{};
};

// Products of the same x with several weights, in one kernel: each is what
// `linear` gives.
std::vector<mx::array> linear_group(
    const mx::array& x,
    const std::vector<LinearWeight>& weights,
    mx::Dtype out);

// The same in MLX's own operations, in float32: for devices without a kernel,
// and for tests. Not the same bits.
mx::array linear_reference(
    const mx::array& x,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);
mx::array linear_reference(
    const mx::array& x,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);

} // namespace parallm
