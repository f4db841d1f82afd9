#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "nn/gguf/gguf_type.h"

// The packed forms of GGUF in MLX's affine one, number = code * scale + bias,
// in groups of 32, codes a stream of bits, low bits first. No MLX here; any
// thread.
//
//   Q4_0  4 bits, the same numbers: scale d, bias -8 d
//   Q4_1  4 bits, the same: scale d, bias m
//   Q5_0  5 bits, the same: scale d, bias -16 d
//   Q5_1  5 bits, the same: scale d, bias m
//   Q8_0  8 bits, the same: scale d, bias -128 d
//   Q4_K  4 bits, the same: scale d sc, bias -dmin m, which need float32
//   Q5_K  5 bits, as Q4_K
//   Q6_K  8 bits. Its groups are of 16, and two of them seldom have numbers
//         that lie on one grid of 256. Where they do, the same numbers; else
//         the nearest on a grid over both, off by half a step at most: 1/510
//         of the distance between the smallest and the largest of the 32.
namespace parallm {

inline constexpr int kGgufGroup = 32; // numbers that share a scale

struct AffineGroup {
  float scale;
  float bias;
};

// `blocks` of a type, whole ones; `codes` gets their codes, 32 * bits / 8 bytes
// a group, and `groups` one a group.
void repack_blocks(
    GgufType type,
    std::span<const uint8_t> blocks,
    std::span<uint8_t> codes,
    std::span<AffineGroup> groups);

} // namespace parallm
