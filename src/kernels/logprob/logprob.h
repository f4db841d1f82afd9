#pragma once

#include <mlx/mlx.h>

#include <vector>

#include "kernels/logprob/logprob_row.h"

// Engine thread only.
namespace parallm {

namespace mx = mlx::core;

// What N distributions say about a token each, still on the device. `top_*`
// are the K likeliest, ties by lower id; id -1 where there are fewer.
struct Scores {
  mx::array logprobs;     // (N) float32
  mx::array ranks;        // (N) int32, 1 is the likeliest
  mx::array top_ids;      // (N, K) int32
  mx::array top_logprobs; // (N, K) float32
};

// Lazily. values (M, V) float32, tokens (M) int32; the N of `rows` are scored,
// each as a function of its row alone. alternatives is K, at least 1.
Scores score(
    const mx::array& values,
    const mx::array& tokens,
    std::vector<int32_t> rows,
    int alternatives);

// The same in plain MLX operations.
Scores score_reference(
    const mx::array& values,
    const mx::array& tokens,
    const std::vector<int32_t>& rows,
    int alternatives);

} // namespace parallm
