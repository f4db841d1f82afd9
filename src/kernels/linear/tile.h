#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/linear/panel.h"

// Products of a tile, which is a few rows of activations, with a panel of a
// packed weight. Two ways:
//
// int8: activations are rounded to 8 bits in the groups of the weight, each
// with a scale of its own: x = q * scale. A sum over a group is then one of
// whole numbers, exact in any order, and only two multiply-adds for each group
// round, in the order of the groups: a row has the same bits in any tile. The
// bias meets the sum of the *rounded* activations, so that their errors count
// as much as the weights are large, not their codes, which are all positive:
// 0.6 % of an output instead of 1.9 %, measured with normal numbers.
//
// float: nothing is rounded but sums in float32, of a group and of the groups.
//
// No MLX here. Plain values and functions without state: any thread.
namespace parallm {

enum class TileForm : uint8_t { kInt8, kFloat };

// A tile, group by group:
//   int8   for each step: for each row its 4 inputs, a byte each; or in tiles
//          of 16 rows and more, which are for products of matrices: for each
//          row its inputs;
//          then for each row its scale, float32;
//          then for each row scale * the sum of its bytes, float32
//   float  for each input: for each row that number, float32;
//          then for each row the sum of its numbers, float32
inline constexpr int kMostTileRows = 32;
constexpr bool is_for_matrices(int tile_rows) {
  return tile_rows >= 16;
}

constexpr size_t tile_bytes(
    TileForm form, int rows, int inputs, int group_size) {
  const size_t row_bytes = form == TileForm::kInt8
                               ? group_size + 2 * sizeof(float)
                               : (group_size + 1) * sizeof(float);
  return row_bytes * rows * (inputs / group_size);
}

struct TileArgs {
  PanelLayout layout;
  float factor = 1; // of every scale of the weight
  const uint8_t* panel = nullptr;
  int rows = 0;
  const uint8_t* tile = nullptr;
  float* out = nullptr; // (rows, 32)
};

using TileFunction = void (*)(const TileArgs&);

// What an instruction set offers.
struct TileKernels {
  TileForm form;
  int tile_rows[8]; // tiles of so many rows, ascending; 0 at the end
  TileFunction (*function)(WeightForm form, int rows);
};

// Of the set in use.
const TileKernels& int8_kernels();
const TileKernels& float_kernels();

// Numbers of mxfp8 are no short whole ones.
constexpr bool has_int8_kernel(WeightForm form) {
  return is_packed(form) && form != WeightForm::kMxfp8;
}

} // namespace parallm
