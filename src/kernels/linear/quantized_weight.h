#pragma once

#include <mlx/mlx.h>

#include <optional>

#include "kernels/linear/quant_mode.h"

// Letters: K inputs, N outputs.
namespace parallm {

namespace mx = mlx::core;

// A value; engine thread only. A weight as MLX packs it, in groups of inputs
// that share a scale; codes are a stream of bits, low bits first:
//   affine  code * scale + bias; 2, 3, 4, 5, 6 or 8 bits; any float scales;
//           groups of 32, 64 or 128
//   mxfp4   E2M1 * 2^(scale - 127), groups of 32
//   nvfp4   E2M1 * scale as E4M3 (* global scale / 2688), groups of 16
//   mxfp8   E4M3 * 2^(scale - 127), groups of 32
// A stack of experts has an axis X before those of each array.
struct QuantizedWeight {
  mx::array packed;                // (N, K * bits / 32) uint32
  mx::array scales;                // (N, K / group_size); uint8 unless affine
  std::optional<mx::array> biases; // affine only: as scales, of their type
  int group_size = 64;
  int bits = 4;
  QuantMode mode = QuantMode::kAffine;
  std::optional<mx::array> global_scale{}; // (X) f32: experts in nvfp4, or none
};

} // namespace parallm
