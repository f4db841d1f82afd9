#pragma once

#include "nn/checkpoint.h"
#include "nn/quantization.h"

namespace parallm {

// Brings weights that others than MLX packed into MLX's layout, before anything
// is tidied or taken. Letters: N outputs, K inputs, G groups of inputs.
//   AWQ      qweight (K, N / 8), qzeros (G, N / 8), scales (G, N): affine
//   GPTQ     qweight (K / 8, N), else as AWQ: affine, one group of all inputs
//            as many alike; with desc_act also g_idx (K), the group of each
//            input: dense, of the scales' type
//   compressed-tensors
//            weight_packed (N, K / 8) int32, weight_scale (N, G): affine about
//            8, or dense if there is weight_g_idx (K); (N, K / 2) uint8 as
//            mxfp4 or nvfp4 is MLX's already
//   F8_E4M3  weight (N, K), weight_scale_inv or, of fp8, weight_scale, for all
//            of it or for each block: dense bfloat16
// Lazy. The checkpoint's thread. Throws StartError that names the tensor, what
// it is, and what was expected.
void repack_legacy(Checkpoint& checkpoint, const Quantization& quantization);

// Once all is taken: AutoGPTQ gave each layer a bias, of zeros where the model
// has none.
void drop_spare_biases(
    Checkpoint& checkpoint, const Quantization& quantization);

} // namespace parallm
