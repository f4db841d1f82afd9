#pragma once

#include <memory>

#include "kernels/linear/float_rows.h"

namespace parallm {

// Numbers are multiplied a cache line of them at a time.
inline constexpr int kLineBytes = 64;

constexpr int numbers_of_line(FloatType type) {
  return kLineBytes / static_cast<int>(float_bytes(type));
}

// Rows made ready for products with dense weights: cut into tiles, as equal in
// size as may be. A tile is, for each line of inputs, that of each row in turn,
// the last filled up with zeros. Constant once each tile is filled, on any
// thread. No MLX here.
class DenseRows {
 public:
  // As numbers of a type: that of x, or float32. Tiles of up to `tile_rows`.
  // The rows must stay until the tiles are filled.
  DenseRows(const FloatRows& x, FloatType type, int tile_rows);

  void fill(int tile);

  // Rows [first, first + rows) of x.
  struct Tile {
    int first = 0;
    int rows = 0;
    char* memory = nullptr;
  };

  int count() const { return static_cast<int>(x_.rows.size()); }
  int tiles() const { return tiles_; }
  Tile tile(int i) const;
  bool is_of(const FloatRows& x, FloatType type, int tile_rows) const {
    return x == x_ && type == type_ && tile_rows == tile_rows_;
  }

 private:
  int lines() const;

  FloatRows x_;
  FloatType type_;
  int tile_rows_;
  int tiles_;
  struct alignas(kLineBytes) Line {
    char bytes[kLineBytes];
  };
  std::unique_ptr<Line[]> memory_;
};

} // namespace parallm
