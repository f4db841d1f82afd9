#pragma once

#include <mlx/mlx.h>

namespace parallm {

namespace mx = mlx::core;

// Stores rows (N, G, D), keys or values, at slots (N) int32 of a pool (blocks,
// G, block_tokens, D); slot = block * block_tokens + place. Returns the pool's
// new handle: the same memory, ordered after the write; whoever reads must take
// this. Never copies the pool, however many steps are in flight. Rows are
// rounded to the pool's type; a pool of int8 has D + 4 items, a float32 that
// all the D numbers are multiples of, and these. Lazy; a slot outside the pool
// throws when it runs. Engine thread only, as is the reference.
mx::array kv_write(
    const mx::array& pool, const mx::array& rows, const mx::array& slots);

// The same in MLX's own operations; copies the pool unless it may reuse it.
mx::array kv_write_reference(
    const mx::array& pool, const mx::array& rows, const mx::array& slots);

} // namespace parallm
