#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/floats.h"

// The arithmetic of `paged_attention` on plain memory. No MLX here. Letters as
// in paged_attention.h.
// Plain values and functions without state: any thread.
namespace parallm {

// Keys or values in a pool (blocks, block_tokens, G, ...).
struct PoolRows {
  const char* first = nullptr;
  int width = 0;         // the first so many numbers of each are read
  size_t head_bytes = 0; // from one head's to the next
};

struct AttendArgs {
  int first_token = 0; // tokens [first_token, end_token) are computed
  int end_token = 0;
  int heads = 0;           // H
  int kv_heads = 0;        // G
  const void* q = nullptr; // (T, H, D)
  FloatType q_type = FloatType::kF32;
  PoolRows keys;   // width D
  PoolRows values; // width Dv
  FloatType pool_type = FloatType::kF32;
  int block_tokens = 0;
  const int32_t* tables = nullptr; // (R, table_width)
  int table_width = 0;
  const int32_t* token_rows = nullptr; // (T)
  const int32_t* positions = nullptr;  // (T)
  float scale = 1.0f;
  int window = 0;
  float softcap = 0;            // 0: none
  const float* sinks = nullptr; // (H), or null: none
  void* out = nullptr;          // (T, H, Dv) of q_type
};

void attend(const AttendArgs& args);

} // namespace parallm
