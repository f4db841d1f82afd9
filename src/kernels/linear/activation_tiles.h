#pragma once

#include <memory>
#include <vector>

#include "kernels/linear/float_rows.h"
#include "kernels/linear/tile.h"

namespace parallm {

// Rows made ready for the tile kernels: cut into tiles, the last one filled up
// with zeros. Constant once each piece is filled, on any thread. No MLX here.
class ActivationTiles {
 public:
  // The rows must stay until the tiles are filled.
  ActivationTiles(
      const FloatRows& x, int group_size, const TileKernels& kernels);

  // A piece is some groups of a tile: few rows are filled by many threads too.
  int pieces() const { return static_cast<int>(tiles_.size()) * tile_pieces_; }
  void fill(int piece);

  // Tile i: rows [first, first + rows) of x, in a tile of `tile_rows`.
  struct Tile {
    int first = 0;
    int rows = 0;
    int tile_rows = 0;
    uint8_t* memory = nullptr;
  };

  const std::vector<Tile>& tiles() const { return tiles_; }
  const TileKernels& kernels() const { return kernels_; }
  bool is_of(
      const FloatRows& x, int group_size, const TileKernels& kernels) const {
    return x == x_ && group_size == group_size_ && &kernels == &kernels_;
  }

 private:
  void cut();

  FloatRows x_;
  int group_size_;
  const TileKernels& kernels_;
  std::vector<Tile> tiles_;
  int tile_pieces_ = 1;
  std::unique_ptr<uint8_t[]> memory_;
};

} // namespace parallm
