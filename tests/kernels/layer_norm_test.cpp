#include "kernels/layer_norm/layer_norm.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

using Part = std::optional<mx::array>;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};
constexpr float kEps = 1e-5f;

std::vector<float> exact(
    const mx::array& x, const Part& weight, const Part& bias) {
  const int width = x.shape(1);
  const auto values = floats(x);
  const auto w = floats(weight.value_or(mx::ones({width})));
  const auto b = floats(bias.value_or(mx::zeros({width})));
  std::vector<float> results;
  for (int r = 0; r < x.shape(0); ++r) {
    const float* row = &values[static_cast<size_t>(r) * width];
    double mean = 0, variance = 0;
    for (int i = 0; i < width; ++i) {
      mean += double{row[i]} / width;
    }
    for (int i = 0; i < width; ++i) {
      variance += (row[i] - mean) * (row[i] - mean) / width;
    }
    for (int i = 0; i < width; ++i) {
      results.push_back(static_cast<float>(
          (row[i] - mean) / std::sqrt(variance + kEps) * w[i] + b[i]));
    }
  }
  return results;
}

struct Affine {
  Part weight;
  Part bias;
};

// Each part there and absent.
std::vector<Affine> affines(int width, mx::Dtype type) {
  const auto weight = random_array({width}, 2, type);
  const auto bias = random_array({width}, 3, mx::bfloat16);
  return {{weight, bias}, {weight, {}}, {{}, bias}, {{}, {}}};
}

TEST(LayerNorm, AgreesWithFloat64AndMlxAtOddSizes) {
  for (const auto type : kTypes) {
    for (const int width : {1, 2, 15, 16, 17, 130}) {
      const auto x = random_array({5, width}, 1, type) + mx::array(0.5f, type);
      for (const auto& [weight, bias] : affines(width, type)) {
        const auto result = layer_norm(x, weight, bias, kEps);
        EXPECT_EQ(result.dtype(), type);
        EXPECT_LT(
            max_difference(floats(result), exact(x, weight, bias)),
            4 * rounding(type))
            << width;
        EXPECT_LT(
            max_difference(result, layer_norm_reference(x, weight, bias, kEps)),
            16 * rounding(type))
            << width;
      }
    }
  }
}

// One pass over x and x squared would lose all digits here.
TEST(LayerNorm, KeepsItsDigitsFarFromZero) {
  const auto x = random_array({3, 100}, 1) + mx::array(3000.0f);
  EXPECT_LT(
      max_difference(floats(layer_norm(x, {}, {}, kEps)), exact(x, {}, {})),
      1e-3f);
}

TEST(LayerNorm, GivesZerosForARowOfEqualNumbers) {
  const auto x = mx::full({2, 33}, 7.25f);
  EXPECT_EQ(
      floats(layer_norm(x, {}, {}, kEps)), std::vector<float>(2 * 33, 0.0f));
}

TEST(LayerNorm, TreatsEachRowAlone) {
  for (const auto type : kTypes) {
    const auto x = random_array({9, 77}, 1, type);
    for (const auto& [weight, bias] : affines(77, type)) {
      const auto together = layer_norm(x, weight, bias, kEps);
      for (int i = 0; i < 9; ++i) {
        EXPECT_TRUE(same_bits(
            layer_norm(rows(x, i, i + 1), weight, bias, kEps),
            rows(together, i, i + 1)));
      }
    }
  }
}

TEST(LayerNorm, RefusesAWeightOfAnotherWidth) {
  const auto x = mx::ones({2, 5});
  EXPECT_ANY_THROW(layer_norm(x, mx::ones({4}), {}, kEps));
  EXPECT_ANY_THROW(layer_norm(x, {}, mx::ones({6}), kEps));
}

} // namespace
} // namespace parallm
