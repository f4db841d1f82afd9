#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <variant>
#include <vector>

#include "kernels/linear/panel_weight.h"
#include "kernels/linear/quantized_weight.h"

// Products with a weight matrix, the bulk of a model's work. Engine thread
// only. Letters: T rows of x, K inputs, N outputs.
namespace parallm {

namespace mx = mlx::core;

// x (T, K) times weight (N, K) transposed, plus bias (N) -> (T, N) of type
// `out`. Any mix of f32, f16 and bf16; sums in float32, in an order that does
// not depend on T: a row has the same bits alone and in any batch. Lazy. On the
// CPU a QuantizedWeight is packed for each call, and x stays exact: models pack
// theirs once.
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
mx::array linear(
    const mx::array& x,
    const PanelWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);

// What one of several products with the same x needs.
struct LinearWeight {
  std::variant<mx::array, QuantizedWeight, PanelWeight> weight;
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
