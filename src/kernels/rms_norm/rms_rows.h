#pragma once

#include "kernels/floats.h"

// The arithmetic of `rms_norm` on plain memory. No MLX here.
// Plain values and functions without state: any thread.
namespace parallm {

struct NormWeight {
  const void* numbers = nullptr; // (width); null: no norm
  FloatType type = FloatType::kF32;
  float eps = 0; // of the norm
};

// Rows of one type; in float32 within, and rounded to the type wherever an
// array of it would come between.
struct RmsRows {
  FloatType type = FloatType::kF32;
  int width = 0;
  const void* x = nullptr;
  // What is added to x, if anything: y, brought to size if it has a weight,
  // then times `scale`.
  const void* y = nullptr;
  NormWeight y_weight{};
  float scale = 1;
  void* sum = nullptr; // x and what is added; only with y
  NormWeight weight{}; // of the sum's norm, or of x's if nothing is added
  void* normed = nullptr;
};

// Rows [first, end).
void rms_rows(const RmsRows& rows, size_t first, size_t end);

} // namespace parallm
