#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/floats.h"

// The arithmetic of `paged_attention` on plain memory. No MLX here. Letters as
// in paged_attention.h.
// Plain values and functions without state: any thread.
namespace parallm {

struct AttendArgs {
  int first_token = 0; // tokens [first_token, end_token) are computed
  int end_token = 0;
  int heads = 0;           // H
  int kv_heads = 0;        // G
  int width = 0;           // D
  const void* q = nullptr; // (T, H, D)
  FloatType q_type = FloatType::kF32;
  const char* key_pool = nullptr; // (blocks, block_tokens, G, D)
  const char* value_pool = nullptr;
  FloatType pool_type = FloatType::kF32;
  int block_tokens = 0;
  const int32_t* tables = nullptr; // (R, table_width)
  int table_width = 0;
  const int32_t* token_rows = nullptr; // (T)
  const int32_t* positions = nullptr;  // (T)
  float scale = 1.0f;
  int window = 0;
  void* out = nullptr; // (T, H, D) of q_type
};

void attend(const AttendArgs& args);

} // namespace parallm
