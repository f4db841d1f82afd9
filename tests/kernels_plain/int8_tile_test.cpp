#include "kernels/linear/tile.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels_plain/each_set.h"
#include "tests/kernels_plain/packed_weight.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

// Rows of a tile as they are described, before they lie side by side.
struct TileRows {
  int rows;
  int inputs;
  int group_size;
  std::vector<int8_t> bytes; // (rows, inputs)
  std::vector<float> scales; // (rows, groups)

  int groups() const { return inputs / group_size; }
  int byte(int row, int k) const { return bytes[row * inputs + k]; }
  float scale(int row, int group) const {
    return scales[row * groups() + group];
  }
  float sum(int row, int group) const {
    int total = 0;
    for (int k = 0; k < group_size; ++k) {
      total += byte(row, group * group_size + k);
    }
    return scale(row, group) * static_cast<float>(total);
  }
};

// Now and then the largest there is, in whole groups too.
TileRows random_rows(int rows, const PackedWeight& w, uint32_t seed) {
  std::mt19937 random(seed);
  TileRows x{rows, w.inputs, w.group_size};
  for (int i = 0; i < rows * w.inputs; ++i) {
    const bool most = i / w.group_size % 3 == 1 || random() % 8 == 0;
    x.bytes.push_back(static_cast<int8_t>(
        most ? 127 : static_cast<int>(random() % 255) - 127));
  }
  for (int i = 0; i < rows * x.groups(); ++i) {
    x.scales.push_back(std::ldexp(1.0f + random() % 1000 * 1e-3f, -7));
  }
  return x;
}

void append(std::vector<uint8_t>& out, const void* from, size_t bytes) {
  const auto* first = static_cast<const uint8_t*>(from);
  out.insert(out.end(), first, first + bytes);
}

std::vector<uint8_t> tile_of(const TileRows& x) {
  const int together = is_for_matrices(x.rows) ? x.group_size : kStepInputs;
  std::vector<uint8_t> out;
  for (int group = 0; group < x.groups(); ++group) {
    for (int k = group * x.group_size; k < (group + 1) * x.group_size;
         k += together) {
      for (int row = 0; row < x.rows; ++row) {
        append(out, &x.bytes[row * x.inputs + k], together);
      }
    }
    for (int row = 0; row < x.rows; ++row) {
      const float scale = x.scale(row, group);
      append(out, &scale, sizeof(scale));
    }
    for (int row = 0; row < x.rows; ++row) {
      const float sum = x.sum(row, group);
      append(out, &sum, sizeof(sum));
    }
  }
  return out;
}

PanelLayout layout_of(const PackedWeight& w) {
  return {w.form, w.scale_type, w.outputs, w.inputs, w.group_size};
}

std::vector<uint8_t> panels_of(const PackedWeight& w) {
  const PanelLayout layout = layout_of(w);
  std::vector<uint8_t> panels(layout.bytes());
  pack_panels(
      layout, {w.codes.data(), w.scales.data(), w.biases.data()}, 0,
      layout.panels(), panels.data());
  return panels;
}

// What a whole number of a code stands for: twice the number in E2M1.
int whole(const PackedWeight& w, size_t i) {
  const uint32_t code = code_at(w, i);
  return is_affine(w.form) ? static_cast<int>(code)
                           : static_cast<int>(2 * e2m1_number(code)) + 12;
}

struct GroupScale {
  float scale;
  float bias;
};

GroupScale group_scale(const PackedWeight& w, size_t group, float factor) {
  if (is_affine(w.form)) {
    return {
        static_cast<float>(float_at(w.scale_type, w.scales, group)),
        static_cast<float>(float_at(w.scale_type, w.biases, group))};
  }
  const double scale = w.form == WeightForm::kNvfp4
                           ? e4m3_number(w.scales[group])
                           : e8m0_number(w.scales[group]);
  const float half = 0.5f * factor * static_cast<float>(scale);
  return {half, half * -12.0f};
}

// One output of one row, to the bit: whole sums are exact, and each group
// rounds three times.
float expected(const PackedWeight& w, const TileRows& x, int row, int output) {
  float sum = 0;
  for (int group = 0; group < x.groups(); ++group) {
    int dot = 0;
    for (int k = group * x.group_size; k < (group + 1) * x.group_size; ++k) {
      dot +=
          whole(w, static_cast<size_t>(output) * w.inputs + k) * x.byte(row, k);
    }
    const auto [scale, bias] =
        group_scale(w, static_cast<size_t>(output) * x.groups() + group, 1.0f);
    sum = std::fmaf(bias, x.sum(row, group), sum);
    sum = std::fmaf(static_cast<float>(dot), scale * x.scale(row, group), sum);
  }
  return sum;
}

void expect_tile(
    const PackedWeight& w,
    const std::vector<uint8_t>& panels,
    const TileRows& x,
    TileFunction function) {
  const auto tile = tile_of(x);
  std::vector<float> out(x.rows * kPanelOutputs, NAN);
  TileArgs args;
  args.layout = layout_of(w);
  args.panel = panels.data();
  args.rows = x.rows;
  args.tile = tile.data();
  args.out = out.data();
  function(args);
  for (int row = 0; row < x.rows; ++row) {
    for (int n = 0; n < std::min(w.outputs, kPanelOutputs); ++n) {
      const float ours = out[row * kPanelOutputs + n];
      ASSERT_TRUE(same_bits({ours}, {expected(w, x, row, n)}))
          << "row " << row << " output " << n;
    }
  }
}

void expect_tiles_of_all_sizes(const PackedWeight& w) {
  SCOPED_TRACE(
      testing::Message() << text(w.form) << ", groups of " << w.group_size);
  const auto panels = panels_of(w);
  under_each_set([&] {
    const TileKernels& kernels = int8_kernels();
    ASSERT_GT(kernels.tile_rows[0], 0);
    for (const int rows : kernels.tile_rows) {
      if (rows > 0) {
        SCOPED_TRACE(testing::Message() << rows << " rows");
        expect_tile(
            w, panels, random_rows(rows, w, 3), kernels.function(w.form, rows));
      }
    }
  });
}

TEST(Int8Tile, HasTheSameBitsUnderEachSet) {
  for (const WeightForm form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    for (const FloatType type :
         {FloatType::kF32, FloatType::kF16, FloatType::kBF16}) {
      for (const int group_size : {32, 64, 128}) {
        expect_tiles_of_all_sizes(
            random_weight(form, 32, 3 * group_size, group_size, type, 7));
      }
    }
  }
  expect_tiles_of_all_sizes(
      random_weight(WeightForm::kMxfp4, 32, 96, 32, FloatType::kF32, 7));
  expect_tiles_of_all_sizes(
      random_weight(WeightForm::kNvfp4, 32, 80, 16, FloatType::kF32, 7));
}

int largest_tile(const TileKernels& kernels) {
  return *std::ranges::max_element(kernels.tile_rows);
}

// The largest whole sums: every code all ones, every byte 127 or -127.
TEST(Int8Tile, TakesTheLargestSums) {
  for (const WeightForm form :
       {WeightForm::kAffine2, WeightForm::kAffine3, WeightForm::kAffine4,
        WeightForm::kAffine5, WeightForm::kAffine6, WeightForm::kAffine8}) {
    auto w = random_weight(form, 32, 256, 128, FloatType::kF32, 7);
    std::fill(w.codes.begin(), w.codes.end(), uint8_t{255});
    const auto panels = panels_of(w);
    under_each_set([&] {
      for (const int rows : {1, largest_tile(int8_kernels())}) {
        TileRows x = random_rows(rows, w, 3);
        for (size_t i = 0; i < x.bytes.size(); ++i) {
          x.bytes[i] = i % 256 < 128 ? 127 : -127;
        }
        expect_tile(w, panels, x, int8_kernels().function(form, rows));
      }
    });
  }
}

TEST(Int8Tile, OutputsBeyondTheLastAreNothingButFilledUp) {
  const auto w =
      random_weight(WeightForm::kAffine5, 13, 64, 32, FloatType::kBF16, 9);
  expect_tiles_of_all_sizes(w);
}

} // namespace
} // namespace parallm
