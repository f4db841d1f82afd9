#include <gtest/gtest.h>

#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
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

struct Turn {
  int width = 0;   // D
  int turning = 0; // R
  float amplitude = 1;
};

// One whole head, parts of heads, a head of odd width, and nothing but pairs
// of one frequency; louder and softer.
const Turn kTurns[] = {{10, 10, 1}, {10, 10, 1.25f}, {10, 4, 1}, {64, 16, 0.8f},
                       {7, 6, 1},   {19, 2, 1.5f},   {3, 2, 1}};

void turn_exactly(
    float* head, int position, const Turn& turn, RopePairs pairs) {
  const auto radians = floats(frequencies(turn.turning));
  const int half = turn.turning / 2;
  for (int i = 0; i < half; ++i) {
    const bool halves = pairs == RopePairs::kHalves;
    float& first = head[halves ? i : 2 * i];
    float& second = head[halves ? i + half : 2 * i + 1];
    const double a = first, b = second;
    const double angle = static_cast<double>(position) * radians[i];
    first = static_cast<float>(
        turn.amplitude * (a * std::cos(angle) - b * std::sin(angle)));
    second = static_cast<float>(
        turn.amplitude * (a * std::sin(angle) + b * std::cos(angle)));
  }
}

TEST(Rope, TurnsPartOfAHeadLikeFloat64AndTheReference) {
  const std::vector<int32_t> positions = {0, 3, 500, 7};
  for (const auto type : kTypes) {
    for (const auto pairs : {RopePairs::kHalves, RopePairs::kAdjacent}) {
      for (const Turn& turn : kTurns) {
        const auto x = random_array({4, 3, turn.width}, 1, type);
        auto expected = floats(x);
        for (int h = 0; h < 4 * 3; ++h) {
          turn_exactly(
              &expected[static_cast<size_t>(h) * turn.width], positions[h / 3],
              turn, pairs);
        }
        const auto turned = rope(
            x, ints(positions), frequencies(turn.turning), pairs,
            turn.amplitude);
        EXPECT_EQ(turned.dtype(), type);
        EXPECT_LT(
            max_difference(floats(turned), expected),
            type == mx::float32 ? 2e-4f : 4 * rounding(type))
            << turn.width << " " << turn.turning;
        EXPECT_LT(
            max_difference(
                turned, rope_reference(
                            x, ints(positions), frequencies(turn.turning),
                            pairs, turn.amplitude)),
            type == mx::float32 ? 1e-3f : 16 * rounding(type))
            << turn.width << " " << turn.turning;
      }
    }
  }
}

TEST(Rope, LeavesTheRestOfAHeadAsItIs) {
  for (const auto type : kTypes) {
    const auto x = random_array({4, 3, 21}, 1, type);
    const auto turned =
        rope(x, ints({1, 2, 3, 4}), frequencies(6), RopePairs::kAdjacent, 2);
    const auto rest = [](const mx::array& a) {
      return mx::slice(a, {0, 0, 6}, a.shape());
    };
    EXPECT_TRUE(same_bits(rest(turned), rest(x)));
  }
}

TEST(Rope, GivesATokenTheSameBitsInAnyBatch) {
  const std::vector<int32_t> positions = {0, 3, 500, 7, 11};
  for (const auto type : kTypes) {
    const auto x = random_array({5, 2, 19}, 1, type);
    const auto together =
        rope(x, ints(positions), frequencies(10), RopePairs::kHalves, 1.25f);
    for (int i = 0; i < 5; ++i) {
      const auto alone = rope(
          rows(x, i, i + 1), ints({positions[i]}), frequencies(10),
          RopePairs::kHalves, 1.25f);
      EXPECT_TRUE(same_bits(alone, rows(together, i, i + 1)));
    }
  }
}

TEST(Rope, RefusesMorePairsThanAHeadHas) {
  EXPECT_ANY_THROW(
      rope(mx::ones({1, 1, 7}), ints({0}), frequencies(8), RopePairs::kHalves));
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
