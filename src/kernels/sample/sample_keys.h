#pragma once

#include <mlx/mlx.h>

// Engine thread only.
namespace parallm {

namespace mx = mlx::core;

// order_key (sample_order.h) of every value in plain MLX operations. No two
// are equal in a row, so any sort puts them in the one order of tokens.
// values (R, V) float32 -> (R, V) uint64
mx::array order_keys(const mx::array& values);

// The ids in the lower halves, as int32.
mx::array ids_of(const mx::array& keys);

} // namespace parallm
