#pragma once

#include <cmath>

#include "kernels/rms_norm/rms_rows.h"

// One row brought to size. No MLX here.
// Functions without state: any thread.
namespace parallm::simd {

// row = row / sqrt(mean of squares + eps) * weight, both float32 and padded
// with zeros to whole vectors.
PARALLM_INLINE void bring_to_size(
    float* row, const float* weight, int width, float eps) {
  Floats squares = {}, v, w;
  for (int i = 0; i < width; i += kLanes) {
    std::memcpy(&v, row + i, sizeof(v));
    squares += v * v;
  }
  const float mean = sum(squares) / static_cast<float>(width);
  const float scale = 1.0f / std::sqrt(mean + eps);
  for (int i = 0; i < width; i += kLanes) {
    std::memcpy(&v, row + i, sizeof(v));
    std::memcpy(&w, weight + i, sizeof(w));
    v = v * scale * w;
    std::memcpy(row + i, &v, sizeof(v));
  }
}

} // namespace parallm::simd
