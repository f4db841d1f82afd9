#pragma once

#include <mlx/mlx.h>

#include "kernels/rope/rope_pairs.h"

namespace parallm {

namespace mx = mlx::core;

// Turns each pair i of the first R numbers of a head by positions[t] *
// frequencies[i] radians and multiplies them by `amplitude`; the other D - R
// pass unchanged. x (T, H, D) -> (T, H, D) of x's type; positions (T) int32,
// frequencies (R / 2) float32, R <= D. In float32, each token by itself. Lazy.
// Engine thread only, as is the reference.
mx::array rope(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude = 1.0f);

// The same in MLX's own operations.
mx::array rope_reference(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude = 1.0f);

} // namespace parallm
