#pragma once

#include "kernels/floats.h"

// The arithmetic of `layer_norm` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct LayerRows {
  struct Numbers {
    const void* first = nullptr; // null: absent
    FloatType type = FloatType::kF32;
  };

  int width = 0;
  float eps = 0;
  Numbers x{};
  Numbers weight{};    // (width)
  Numbers bias{};      // (width)
  void* out = nullptr; // of x's type
};

// Rows [first, end).
void layer_rows(const LayerRows& rows, size_t first, size_t end);

} // namespace parallm
