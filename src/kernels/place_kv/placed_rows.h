#pragma once

#include "kernels/kv_write/kv_rows.h"
#include "kernels/rope/rope_rows.h"

// The arithmetic of `place_kv` on plain memory, on the threads of kernels. No
// MLX here.
// Plain values and functions without state: any thread but those of the pool.
namespace parallm {

struct PlacedRows {
  RopeRows rope;      // two groups: queries, and keys, which have no `out`
  KvWriteArgs keys;   // its `rows` are what the keys become
  KvWriteArgs values; // of the same slots
};

// Throws CheckFailed if a slot is outside the pools.
void place_rows(const PlacedRows& rows);

} // namespace parallm
