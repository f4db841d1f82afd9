#pragma once

#include "kernels/floats.h"

// The arithmetic of `expert_sum` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct SharedRows {
  FloatType type = FloatType::kF32;
  int experts = 0;               // of a token, k
  int width = 0;                 // E
  const void* y = nullptr;       // (T, k, E)
  const float* shares = nullptr; // (T, k)
  void* out = nullptr;           // (T, E)
};

// Tokens [first, end).
void add_shared_rows(const SharedRows& rows, size_t first, size_t end);

} // namespace parallm
