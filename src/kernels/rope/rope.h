#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// Which two numbers of a head turn together.
enum class RopePairs : uint8_t {
  kHalves,   // i and i + D / 2
  kAdjacent, // 2 i and 2 i + 1; "traditional" in MLX
};

// Turns each pair i of x (T, H, D) by positions[t] * frequencies[i] radians
// -> (T, H, D) of x's type. positions (T) int32, frequencies (D / 2) float32.
// In float32, each token by itself. Lazy. Engine thread only, as is the
// reference.
mx::array rope(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs);

// The same in MLX's own operations.
mx::array rope_reference(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs);

} // namespace parallm
