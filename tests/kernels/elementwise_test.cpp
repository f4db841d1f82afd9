#include <gtest/gtest.h>

#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};

TEST(RmsNorm, AgreesWithMlxAtOddSizes) {
  for (const auto type : kTypes) {
    for (const int width : {1, 15, 16, 17, 130}) {
      const auto x = random_array({5, width}, 1, type);
      const auto weight = random_array({width}, 2, type);
      EXPECT_LT(
          max_difference(
              rms_norm(x, weight, 1e-5f), rms_norm_reference(x, weight, 1e-5f)),
          16 * rounding(type))
          << width;
    }
  }
}

TEST(RmsNorm, TreatsEachRowAlone) {
  const auto x = random_array({9, 77}, 1);
  const auto weight = random_array({77}, 2, mx::bfloat16);
  const auto together = rms_norm(x, weight, 1e-6f);
  for (int i = 0; i < 9; ++i) {
    EXPECT_TRUE(same_bits(
        rms_norm(rows(x, i, i + 1), weight, 1e-6f), rows(together, i, i + 1)));
  }
}

TEST(SwiGlu, AgreesWithMlx) {
  for (const auto type : kTypes) {
    const auto gate = random_array({3, 301}, 1, type);
    const auto up = random_array({3, 301}, 2, type);
    EXPECT_LT(
        max_difference(swiglu(gate, up), swiglu_reference(gate, up)),
        16 * rounding(type));
  }
}

TEST(SwiGlu, SurvivesExtremeGates) {
  const std::vector<float> extremes = {-1e4f, -100, 0, 100, 1e4f};
  const auto gate = mx::array(extremes.begin(), mx::Shape{1, 5});
  const auto result = floats(swiglu(gate, mx::ones({1, 5})));
  const std::vector<float> expected = {0, 0, 0, 100, 1e4f};
  EXPECT_LT(max_difference(result, expected), 1e-5f);
}

mx::array frequencies(int width) {
  std::vector<float> values;
  for (int i = 0; i < width / 2; ++i) {
    values.push_back(std::pow(10000.0f, -2.0f * i / width));
  }
  return mx::array(values.begin(), mx::Shape{width / 2});
}

TEST(Rope, AgreesWithMlxForBothPairings) {
  const auto positions = ints({0, 3, 500, 7});
  for (const auto type : kTypes) {
    for (const auto pairs : {RopePairs::kHalves, RopePairs::kAdjacent}) {
      for (const int width : {2, 10, 64}) {
        const auto x = random_array({4, 3, width}, 1, type);
        EXPECT_LT(
            max_difference(
                rope(x, positions, frequencies(width), pairs),
                rope_reference(x, positions, frequencies(width), pairs)),
            type == mx::float32 ? 1e-3f : 16 * rounding(type));
      }
    }
  }
}

TEST(Rope, TurnsByThePositionOfEachToken) {
  const auto x = random_array({2, 1, 8}, 1);
  const auto together =
      rope(x, ints({9, 4}), frequencies(8), RopePairs::kHalves);
  const auto second =
      rope(rows(x, 1, 2), ints({4}), frequencies(8), RopePairs::kHalves);
  EXPECT_TRUE(same_bits(rows(together, 1, 2), second));
  const auto still = rope(x, ints({0, 0}), frequencies(8), RopePairs::kHalves);
  EXPECT_TRUE(same_bits(still, x));
}

} // namespace
} // namespace parallm
