#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// What the experts of each token gave, y (T, k, E), added up by their shares
// (T, k) float32 -> (T, E) of y's type. In float32, in the order of the
// experts, each token by itself. Lazy. Engine thread only, as is the reference.
mx::array expert_sum(const mx::array& y, const mx::array& shares);

// The same in MLX's own operations.
mx::array expert_sum_reference(const mx::array& y, const mx::array& shares);

} // namespace parallm
