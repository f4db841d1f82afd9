#pragma once

#include <mlx/mlx.h>

#include "kernels/paged_attention/stored_type.h"

// Keys and values as pools hold them, in MLX's own operations: for references
// and tests. A row of int8 begins with its scale. Engine thread only.
namespace parallm {

namespace mx = mlx::core;

// Of float32, float16, bfloat16 and int8.
StoredType stored_type_of(mx::Dtype dtype);

// Items of the last axis of a pool of this type for rows of D numbers.
int stored_items(mx::Dtype dtype, int width);
// The reverse: D.
int stored_width(const mx::array& pool);

// Rows (..., D) of a float type -> (..., items) of `dtype`.
mx::array to_stored(const mx::array& rows, mx::Dtype dtype);
// The reverse; of int8, float32.
mx::array from_stored(const mx::array& pool);

} // namespace parallm
