#pragma once

#include "kernels/paged_attention/stored_type.h"

// The arithmetic of `kv_write` on plain memory, on the threads of kernels. No
// MLX here.
// Plain values and functions without state: any thread but those of the pool.
namespace parallm {

struct KvWriteArgs {
  const void* rows = nullptr; // (count, G, D)
  FloatType row_type = FloatType::kF32;
  int count = 0;
  int heads = 0;                  // G
  int width = 0;                  // D
  const int32_t* slots = nullptr; // (count)
  char* pool = nullptr;           // (blocks, G, block_tokens, ...)
  StoredType pool_type = StoredType::kF32;
  size_t blocks = 0;
  int block_tokens = 0;
};

// Throws CheckFailed if a slot is outside the pool.
void check_slots(const KvWriteArgs& args);

// Rows [first, end), of slots that were checked. On the calling thread.
void write_kv_rows(const KvWriteArgs& args, size_t first, size_t end);

// All rows. Throws CheckFailed if a slot is outside the pool.
void write_kv_rows(const KvWriteArgs& args);

} // namespace parallm
