#pragma once

#include <mlx/mlx.h>

#include <optional>

#include "kernels/linear/linear.h"

// Products with the weights of experts, each token by those it was sent to.
// Engine thread only. Letters: T tokens, k experts of a token, X experts, K
// inputs, N outputs.
namespace parallm {

// x (T, K), one row for all of a token's experts, or (T, k, K), one for each;
// ids (T, k) int32 in [0, X); weight (X, N, K), dense or packed; bias (X, N)
// -> (T, k, N) of type `out`. Any mix of float types; sums in float32, in an
// order that does not depend on the other rows: each has the bits that `linear`
// gives it with its expert's weight. Lazy. An id out of range is our own fault:
// on the CPU the evaluation throws CheckFailed, elsewhere nothing looks.
mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);
mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);
mx::array expert_linear(
    const mx::array& x,
    const mx::array& ids,
    const PanelWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);

// The same in MLX's own operations, in float32: for devices without a kernel,
// and for tests. Not the same bits.
mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const mx::array& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);
mx::array expert_linear_reference(
    const mx::array& x,
    const mx::array& ids,
    const QuantizedWeight& weight,
    const std::optional<mx::array>& bias,
    mx::Dtype out);

} // namespace parallm
