#pragma once

#include "nn/gguf/gguf_file.h"
#include "nn/step_context.h"

namespace parallm {

// A packed tensor in MLX's affine form (gguf_blocks.h).
struct GgufWeight {
  mx::array packed; // (N, K * bits / 32) uint32, or (X, N, ...)
  mx::array scales; // (N, K / 32), or (X, N, ...)
  mx::array biases; // as scales
};

// Of a packed tensor's bytes (N, B) or (X, N, B) uint8 as they are in the file.
// Scales and biases are of `dtype`, float16 or float32. Lazy; evaluating throws
// StartError that names file and tensor if a block's scale is not a number or,
// for float16, does not fit. Engine thread.
GgufWeight repack(
    const std::filesystem::path& file,
    const GgufTensor& tensor,
    const mx::array& bytes,
    mx::Dtype dtype);

} // namespace parallm
