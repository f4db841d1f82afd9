#pragma once

#include <mlx/mlx.h>

#include <optional>

// Products with a weight matrix, the bulk of a model's work. Engine thread
// only. Letters: T rows of x, K inputs, N outputs.
namespace parallm {

namespace mx = mlx::core;

// Weights in MLX's affine form: w = q * scale + bias within each group of
// inputs; q packed low bits first.
struct QuantizedWeight {
  mx::array packed; // (N, K * bits / 32) uint32
  mx::array scales; // (N, K / group_size)
  mx::array biases; // (N, K / group_size)
  int group_size = 64;
  int bits = 4; // 4 or 8
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
