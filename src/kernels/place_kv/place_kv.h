#pragma once

#include <mlx/mlx.h>

#include "kernels/rope/rope.h"

namespace parallm {

namespace mx = mlx::core;

struct KvPools {
  mx::array keys, values; // (blocks, G, block_tokens, ...), see kv_write
};

struct PlacedKv {
  mx::array q;   // (T, H, D), turned
  KvPools pools; // new handles of the same memory, ordered after the write
};

// What comes before attention, in one kernel: q and k turn as in rope_heads, k
// and v (T, G, Dv) are stored at slots (T) as by kv_write, with the bits of
// these. Lazy; a slot outside a pool throws when it runs. Engine thread only.
PlacedKv place_kv(
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns,
    const mx::array& slots,
    const KvPools& pools);

// The same by rope_heads and kv_write, one after the other: off the CPU.
PlacedKv place_kv_by_parts(
    const RopeHeads& q,
    const RopeHeads& k,
    const mx::array& v,
    const RopeTurns& turns,
    const mx::array& slots,
    const KvPools& pools);

} // namespace parallm
