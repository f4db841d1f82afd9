#pragma once

#include <mlx/mlx.h>

#include <utility>

namespace parallm {

namespace mx = mlx::core;

// Stores rows of keys and values (N, G, D) at slots (N) int32 of two pools
// (blocks, block_tokens, G, D); slot = block * block_tokens + place. Returns
// the pools' new handles: the same memory, ordered after the write; whoever
// reads must take these. Never copies a pool, however many steps are in
// flight. Rows are rounded to the pools' type. Lazy. Engine thread only, as is
// the reference.
std::pair<mx::array, mx::array> kv_write(
    const mx::array& key_pool,
    const mx::array& value_pool,
    const mx::array& keys,
    const mx::array& values,
    const mx::array& slots);

// The same in MLX's own operations; copies the pools unless it may reuse them.
std::pair<mx::array, mx::array> kv_write_reference(
    const mx::array& key_pool,
    const mx::array& value_pool,
    const mx::array& keys,
    const mx::array& values,
    const mx::array& slots);

} // namespace parallm
