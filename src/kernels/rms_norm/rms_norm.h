#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// x (T, E) / sqrt(mean of squares + eps) * weight (E) -> (T, E) of x's type.
// In float32, each row by itself. Lazy. Engine thread only, as is the
// reference.
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps);

// The same in MLX's own operations.
mx::array rms_norm_reference(
    const mx::array& x, const mx::array& weight, float eps);

} // namespace parallm
