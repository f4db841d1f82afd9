#pragma once

#include <mlx/mlx.h>

#include <optional>

namespace parallm {

namespace mx = mlx::core;

// (x (T, E) - mean) / sqrt(mean of squared differences + eps) * weight (E) +
// bias (E) -> (T, E) of x's type; an absent weight is 1, an absent bias 0.
// In float32, in two passes, each row by itself. Lazy. Engine thread only, as
// is the reference.
mx::array layer_norm(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps);

// The same in MLX's own operations.
mx::array layer_norm_reference(
    const mx::array& x,
    const std::optional<mx::array>& weight,
    const std::optional<mx::array>& bias,
    float eps);

} // namespace parallm
