#pragma once

#include <mlx/mlx.h>

#include <vector>

#include "kernels/sample/gumbel.h"

// Engine thread only.
namespace parallm {

namespace mx = mlx::core;

// gumbel_noise of every token, in plain MLX operations, lazily.
// -> (R, vocab) float32, a row for each key
mx::array gumbel_array(const std::vector<NoiseKey>& keys, int vocab);

} // namespace parallm
