#pragma once

#include <span>
#include <vector>

#include "kernels/linear/tile.h"

namespace parallm {

// Rows of a matrix of floats, anywhere in memory. No MLX here; a view.
struct FloatRows {
  std::span<const void* const> rows;
  FloatType type = FloatType::kF32;
  int inputs = 0;
};

// Rows made ready for the tile kernels: cut into tiles, the last one filled up
// with zeros. Made by the threads of the kernel pool, then constant. No MLX
// here.
class ActivationTiles {
 public:
  ActivationTiles(
      const FloatRows& x, int group_size, const TileKernels& kernels);

  // Tile i: rows [first, first + rows) of x, in a tile of `tile_rows`.
  struct Tile {
    int first = 0;
    int rows = 0;
    int tile_rows = 0;
    const uint8_t* memory = nullptr;
  };

  const std::vector<Tile>& tiles() const { return tiles_; }
  const TileKernels& kernels() const { return kernels_; }

 private:
  void cut(int rows, int inputs, int group_size);

  const TileKernels& kernels_;
  std::vector<Tile> tiles_;
  std::vector<uint8_t> memory_;
};

} // namespace parallm
