#include "kernels/linear/activation_tiles.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/kernels_plain/each_set.h"

namespace parallm {
namespace {

using namespace test;

// Of sizes that only some machines have kernels for.
constexpr TileKernels kSingleRows = {TileForm::kInt8, {1}, nullptr};
constexpr TileKernels kMatrices = {TileForm::kInt8, {1, 2, 16, 32}, nullptr};

std::vector<float> random_numbers(int count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> numbers(count);
  for (float& x : numbers) {
    x = normal(random);
  }
  return numbers;
}

// Rows cut into tiles.
struct Tiles {
  Tiles(
      const std::vector<float>& x,
      int rows,
      int group_size,
      const TileKernels& kernels)
      : inputs(static_cast<int>(x.size()) / rows),
        places(rows_of(x, rows)),
        tiles({places, FloatType::kF32, inputs}, group_size, kernels) {}

  static std::vector<const void*> rows_of(
      const std::vector<float>& x, int rows) {
    std::vector<const void*> out;
    for (int row = 0; row < rows; ++row) {
      out.push_back(&x[x.size() / rows * row]);
    }
    return out;
  }

  int inputs;
  std::vector<const void*> places;
  ActivationTiles tiles;
};

void fill(ActivationTiles& tiles) {
  for (int piece = 0; piece < tiles.pieces(); ++piece) {
    tiles.fill(piece);
  }
}

// What a tile has of a row: its bytes, scale and sum, group by group.
std::vector<uint8_t> row_of(
    const ActivationTiles::Tile& tile, int row, int inputs, int group_size) {
  const int together =
      is_for_matrices(tile.tile_rows) ? group_size : kStepInputs;
  std::vector<uint8_t> out;
  const uint8_t* at = tile.memory;
  const auto take = [&](int bytes) {
    out.insert(out.end(), at + row * bytes, at + (row + 1) * bytes);
    at += tile.tile_rows * bytes;
  };
  for (int group = 0; group < inputs / group_size; ++group) {
    for (int k = 0; k < group_size; k += together) {
      take(together);
    }
    take(sizeof(float));
    take(sizeof(float));
  }
  return out;
}

void expect_same_rows(int rows, int group_size) {
  const int inputs = 3 * group_size;
  const auto x = random_numbers(rows * inputs);
  Tiles single(x, rows, group_size, kSingleRows);
  Tiles matrices(x, rows, group_size, kMatrices);
  fill(single.tiles);
  fill(matrices.tiles);
  int row = 0;
  for (const auto& tile : matrices.tiles.tiles()) {
    for (int i = 0; i < tile.rows; ++i, ++row) {
      ASSERT_EQ(
          row_of(tile, i, inputs, group_size),
          row_of(single.tiles.tiles()[row], 0, inputs, group_size))
          << "row " << row << " of " << rows << ", groups of " << group_size;
    }
  }
  EXPECT_EQ(row, rows);
}

TEST(ActivationTiles, HaveTheSameBytesOfARowInTilesOfEverySize) {
  under_each_set([] {
    for (const int rows : {1, 2, 16, 31, 32, 48, 81}) {
      for (const int group_size : {16, 32, 64, 128}) {
        expect_same_rows(rows, group_size);
      }
    }
  });
}

std::vector<int> sizes_for(int rows) {
  const auto x = random_numbers(rows * 64);
  const Tiles cut(x, rows, 64, kMatrices);
  std::vector<int> sizes;
  for (const auto& tile : cut.tiles.tiles()) {
    sizes.push_back(tile.tile_rows);
  }
  return sizes;
}

TEST(ActivationTiles, OfMatricesAreThreeQuartersFull) {
  using Sizes = std::vector<int>;
  EXPECT_EQ(sizes_for(11), (Sizes{2, 2, 2, 2, 2, 1}));
  EXPECT_EQ(sizes_for(12), (Sizes{16}));
  EXPECT_EQ(sizes_for(17), (Sizes{16, 1}));
  EXPECT_EQ(sizes_for(23), (Sizes{16, 2, 2, 2, 1}));
  EXPECT_EQ(sizes_for(24), (Sizes{32}));
  EXPECT_EQ(sizes_for(45), (Sizes{32, 16}));
  EXPECT_EQ(sizes_for(64), (Sizes{32, 32}));
}

} // namespace
} // namespace parallm
