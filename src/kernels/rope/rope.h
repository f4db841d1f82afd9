#pragma once

#include <mlx/mlx.h>

#include <optional>
#include <vector>

#include "kernels/rope/rope_pairs.h"

// Heads turned by position: each pair i of the first R numbers of a head by
// positions[t] * frequencies[i] radians, then times `amplitude`; the other
// D - R pass unchanged. positions (T) int32, frequencies (R / 2) float32,
// R <= D. In float32, each token by itself. Lazy. Engine thread only, as are
// the references.
namespace parallm {

namespace mx = mlx::core;

// x (T, H, D) -> (T, H, D) of x's type.
mx::array rope(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude = 1.0f);

// Heads of a step: x (T, H, D) or (T, H * D). If there is a weight (D), each
// head is brought to size before it turns: its rms_norm, rounded to x's type.
struct RopeHeads {
  mx::array x;
  std::optional<mx::array> weight{};
};

struct RopeSettings {
  int width = 0; // D
  RopePairs pairs = RopePairs::kHalves;
  float amplitude = 1;
  float eps = 0; // of the norms
};

// How the heads of a step turn.
struct RopeTurns {
  mx::array positions, frequencies;
  RopeSettings settings;
};

// Queries and keys, say, in one kernel: of one type, each to (T, H, D).
std::vector<mx::array> rope_heads(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings);

// The same in MLX's own operations.
mx::array rope_reference(
    const mx::array& x,
    const mx::array& positions,
    const mx::array& frequencies,
    RopePairs pairs,
    float amplitude = 1.0f);
std::vector<mx::array> rope_heads_reference(
    const std::vector<RopeHeads>& groups,
    const mx::array& positions,
    const mx::array& frequencies,
    const RopeSettings& settings);

} // namespace parallm
