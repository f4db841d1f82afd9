#pragma once

#include <cstddef>
#include <vector>

#include "kernels/rms_norm/rms_rows.h"
#include "kernels/rope/rope_pairs.h"

// The arithmetic of `rope_heads` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct RopeRows {
  // Heads that turn by the same angles, those of each token one array.
  struct Heads {
    int heads = 0;
    const char* x = nullptr;
    std::ptrdiff_t token_bytes = 0; // from one token to the next
    std::ptrdiff_t head_bytes = 0;  // from one head to the next
    NormWeight weight{};            // (width): brings each to size before
    char* out = nullptr;            // (T, heads, width)
  };

  FloatType type = FloatType::kF32;
  RopePairs pairs = RopePairs::kHalves;
  int width = 0; // of a head
  int half = 0;  // pairs that turn
  float amplitude = 1;
  const int32_t* positions = nullptr; // (T)
  const float* frequencies = nullptr; // (half)
  std::vector<Heads> groups{};
};

// Of a token, all groups.
size_t token_numbers(const RopeRows& rows);

// Tokens [first, end).
void rope_rows(const RopeRows& rows, size_t first, size_t end);

} // namespace parallm
