#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/paged_attention/stored_type.h"

// The arithmetic of `paged_attention` on plain memory, on the threads of
// kernels. No MLX here. Letters as in paged_attention.h.
// Plain values and functions without state: any thread but those of the pool.
namespace parallm {

// Keys or values in a pool (blocks, G, block_tokens, ...).
struct PoolRows {
  const char* first = nullptr;
  int width = 0;        // the first so many numbers of each are read
  size_t row_bytes = 0; // from one token's to the next
};

// One row of the step: consecutive tokens of one sequence.
struct AttendRow {
  int first_token = 0; // in the step
  int begin = 0;       // positions [begin, end) in its sequence
  int end = 0;
};

struct AttendArgs {
  int heads = 0;           // H
  int kv_heads = 0;        // G
  const void* q = nullptr; // (T, H, D)
  FloatType q_type = FloatType::kF32;
  PoolRows keys;   // width D
  PoolRows values; // width Dv
  StoredType pool_type = StoredType::kF32;
  int block_tokens = 0;
  const AttendRow* rows = nullptr; // (R)
  int row_count = 0;
  const int32_t* tables = nullptr; // (R, table_width)
  int table_width = 0;
  float scale = 1.0f;
  int window = 0;
  float softcap = 0;            // 0: none
  const float* sinks = nullptr; // (H), or null: none
  void* out = nullptr;          // (T, H, Dv) of q_type
};

void attend(const AttendArgs& args);

} // namespace parallm
