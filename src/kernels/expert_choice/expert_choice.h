#pragma once

#include <mlx/mlx.h>

#include <optional>

#include "kernels/expert_choice/choice_rule.h"

namespace parallm {

namespace mx = mlx::core;

struct ExpertChoice {
  mx::array experts; // (T, k) int32, the best first
  mx::array shares;  // (T, k) float32: what each counts
};

// The k best of X experts for each token, by its gates (T, X) float32; a
// correction (X) float32 is added to the scores that decide who is chosen, and
// to no share. Of equal experts the first is the better, of equal groups the
// last. In float32, each token by itself. Lazy. Engine thread only, as is the
// reference.
ExpertChoice choose_experts(
    const mx::array& gates,
    const std::optional<mx::array>& correction,
    int k,
    const ChoiceRule& rule);

// The same in MLX's own operations.
ExpertChoice choose_experts_reference(
    const mx::array& gates,
    const std::optional<mx::array>& correction,
    int k,
    const ChoiceRule& rule);

} // namespace parallm
