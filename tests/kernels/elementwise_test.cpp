#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/usable_cores.h"
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

std::vector<float> exact_rms(
    const std::vector<float>& x, const std::vector<float>& weight, double eps) {
  std::vector<float> results;
  for (size_t row = 0; row < x.size(); row += weight.size()) {
    double squares = 0;
    for (size_t i = 0; i < weight.size(); ++i) {
      squares += static_cast<double>(x[row + i]) * x[row + i];
    }
    const double size =
        std::sqrt(squares / static_cast<double>(weight.size()) + eps);
    for (size_t i = 0; i < weight.size(); ++i) {
      results.push_back(static_cast<float>(x[row + i] / size * weight[i]));
    }
  }
  return results;
}

TEST(RmsNorm, AgreesWithFloat64AtOddSizes) {
  for (const auto type : kTypes) {
    for (const int width : {1, 15, 16, 17, 130, 1023}) {
      const auto x = random_array({5, width}, 1, type);
      const auto weight = random_array({width}, 2, mx::float32);
      EXPECT_LT(
          max_difference(
              floats(rms_norm(x, weight, 1e-5f)),
              exact_rms(floats(x), floats(weight), 1e-5)),
          4 * rounding(type))
          << width;
    }
  }
}

// With a norm of what is added or without, and times something or not.
std::vector<Addend> addends(const mx::array& y) {
  const auto weight = random_array({y.shape(1)}, 4, mx::float32);
  return {
      {.y = y},
      {.y = y, .scale = 0.22f},
      {.y = y, .weight = weight, .eps = 1e-6f},
      {.y = y, .weight = weight, .eps = 1e-6f, .scale = 1.5f}};
}

// x + addend in plain operations, rounded between them.
mx::array plain_sum(const mx::array& x, const Addend& addend) {
  const auto y =
      addend.weight ? rms_norm(addend.y, *addend.weight, addend.eps) : addend.y;
  return x + y * mx::array(addend.scale, y.dtype());
}

TEST(AddNorm, HasTheBitsOfTheOperationsItStandsFor) {
  for (const auto type : kTypes) {
    for (const int width : {1, 15, 16, 17, 130}) {
      const auto x = random_array({5, width}, 1, type);
      const auto weight = random_array({width}, 3, type);
      for (const auto& addend : addends(random_array({5, width}, 2, type))) {
        const auto both = add_rms_norm(x, addend, weight, 1e-5f);
        const auto sum = plain_sum(x, addend);
        EXPECT_TRUE(same_bits(both.sum, sum)) << width;
        EXPECT_TRUE(same_bits(both.normed, rms_norm(sum, weight, 1e-5f)))
            << width;
        EXPECT_TRUE(same_bits(add(x, addend), sum)) << width;
      }
    }
  }
}

// What is added to x, in float64.
std::vector<double> exact_addend(const Addend& addend) {
  const size_t width = addend.y.shape(1);
  const auto y = floats(addend.y);
  const auto weight =
      addend.weight ? floats(*addend.weight) : std::vector<float>(width, 1.0f);
  const auto scale = floats(mx::array(addend.scale, addend.y.dtype()))[0];
  std::vector<double> out;
  for (size_t row = 0; row < y.size(); row += width) {
    double squares = 0;
    for (size_t i = row; i < row + width; ++i) {
      squares += static_cast<double>(y[i]) * y[i];
    }
    const double size =
        addend.weight ? std::sqrt(squares / width + addend.eps) : 1;
    for (size_t i = 0; i < width; ++i) {
      out.push_back(y[row + i] / size * weight[i] * scale);
    }
  }
  return out;
}

// How much a rounding to the nearest may change a number, relative to it.
double half_a_step(mx::Dtype type) {
  return type == mx::bfloat16  ? 0x1p-8
         : type == mx::float16 ? 0x1p-11
                               : 0x1p-24;
}

// In roundings of |x| + |what is added|, the largest of all numbers.
double error_in_roundings(
    const mx::array& sum, const mx::array& x, const Addend& addend) {
  const auto ours = floats(sum), first = floats(x);
  const auto second = exact_addend(addend);
  double most = 0;
  for (size_t i = 0; i < second.size(); ++i) {
    const double size = std::abs(first[i]) + std::abs(second[i]);
    most =
        larger_error(most, std::abs(ours[i] - (first[i] + second[i])) / size);
  }
  return most / half_a_step(x.dtype());
}

// The sum is rounded, and what is times something. A norm is in float32, where
// it takes four; else it is rounded once.
double roundings_of(const Addend& addend) {
  const int of_norm = addend.y.dtype() == mx::float32 ? 4 : 1;
  return 1 + (addend.scale != 1) + (addend.weight ? of_norm : 0);
}

// The reference, unlike the kernel, rounds the weight of a norm as well.
TEST(AddNorm, AgreesWithFloat64ToTheLastRounding) {
  for (const auto type : kTypes) {
    for (const int width : {1, 15, 16, 17, 130, 1023}) {
      const auto x = random_array({5, width}, 1, type);
      for (const auto& addend : addends(random_array({5, width}, 2, type))) {
        const double allowed = roundings_of(addend);
        EXPECT_LE(error_in_roundings(add(x, addend), x, addend), allowed)
            << width << " " << type;
        EXPECT_LE(
            error_in_roundings(add_reference(x, addend), x, addend),
            allowed + addend.weight.has_value())
            << width << " " << type;
      }
    }
  }
}

TEST(AddNorm, RefusesAnAddendOfAnotherShapeOrType) {
  const auto x = mx::ones({2, 5});
  EXPECT_ANY_THROW(add(x, Addend{.y = mx::ones({5, 2})}));
  EXPECT_ANY_THROW(add(x, Addend{.y = mx::ones({2, 5}, mx::float16)}));
  EXPECT_ANY_THROW(add(x, Addend{.y = x, .weight = mx::ones({4})}));
  EXPECT_ANY_THROW(add_rms_norm(x, {.y = x}, mx::ones({4}), 1e-5f));
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

// Heads next to each other, heads apart, and a slice of wider heads.
TEST(RopeHeads, HasTheBitsOfNormAndRope) {
  const auto positions = ints({0, 3, 500, 7});
  for (const auto type : kTypes) {
    for (const auto pairs : {RopePairs::kHalves, RopePairs::kAdjacent}) {
      const auto q = random_array({4, 3 * 21}, 1, type);
      const auto wide = random_array({4, 2, 30}, 2, type);
      const auto k = mx::slice(wide, {0, 0, 5}, {4, 2, 26});
      const auto weight = random_array({21}, 3, mx::float32);
      const RopeSettings settings{21, pairs, 1.25f, 1e-6f};
      const auto both =
          rope_heads({{q, weight}, {k}}, positions, frequencies(10), settings);
      const auto normed = mx::reshape(
          rms_norm(mx::reshape(q, {12, 21}), weight, 1e-6f), {4, 3, 21});
      EXPECT_TRUE(same_bits(
          both[0], rope(normed, positions, frequencies(10), pairs, 1.25f)));
      EXPECT_TRUE(same_bits(
          both[1],
          rope(mx::contiguous(k), positions, frequencies(10), pairs, 1.25f)));
      const auto reference = rope_heads_reference(
          {{q, weight}, {k}}, positions, frequencies(10), settings);
      for (int i = 0; i < 2; ++i) {
        EXPECT_LT(
            max_difference(both[i], reference[i]),
            type == mx::float32 ? 1e-3f : 16 * rounding(type));
      }
    }
  }
}

// Enough rows for several parts.
TEST(Elementwise, HasTheSameBitsOnAnyNumberOfThreads) {
  const int tokens = 301;
  const auto x = random_array({tokens, 260}, 1, mx::bfloat16);
  const auto y = random_array({tokens, 260}, 2, mx::bfloat16);
  const auto weight = random_array({260}, 3);
  std::vector<int32_t> positions(tokens);
  for (int i = 0; i < tokens; ++i) {
    positions[i] = 5 * i;
  }
  const auto results = [&] {
    const auto both = add_rms_norm(x, {.y = y}, weight, 1e-5f);
    auto all = rope_heads(
        {{x}, {y}}, ints(positions), frequencies(26),
        {.width = 26, .pairs = RopePairs::kHalves});
    all.insert(
        all.end(),
        {both.sum, both.normed, layer_norm(x, weight, std::nullopt, 1e-5f)});
    mx::eval(all);
    return all;
  };
  set_kernel_threads(1);
  const auto alone = results();
  for (const int threads : {2, 3}) {
    set_kernel_threads(threads);
    const auto shared = results();
    for (size_t i = 0; i < alone.size(); ++i) {
      EXPECT_TRUE(same_bits(shared[i], alone[i])) << i << " " << threads;
    }
  }
  set_kernel_threads(usable_cores());
}

TEST(Rope, TakesAStepWithoutTokens) {
  const auto none = ints({});
  for (const auto& x : {mx::zeros({0, 3, 10}), mx::zeros({0, 30})}) {
    const auto turned =
        rope_heads({{x}}, none, frequencies(10), {.width = 10})[0];
    EXPECT_EQ(turned.shape(), (mx::Shape{0, 3, 10}));
    EXPECT_TRUE(floats(turned).empty());
  }
}

TEST(RopeHeads, RefusesGroupsThatDoNotFit) {
  const auto turn = [](const mx::array& other, const mx::array& positions) {
    return rope_heads(
        {{mx::ones({2, 20})}, {other}}, positions, frequencies(10),
        {.width = 10});
  };
  const auto positions = ints({0, 1});
  EXPECT_NO_THROW(turn(mx::ones({2, 3, 10}), positions));
  EXPECT_ANY_THROW(turn(mx::ones({2, 10}, mx::bfloat16), positions));
  EXPECT_ANY_THROW(turn(mx::ones({3, 10}), positions));
  EXPECT_ANY_THROW(turn(mx::ones({2, 15}), positions));
  EXPECT_ANY_THROW(turn(mx::ones({2, 10}), mx::ones({2})));
  EXPECT_ANY_THROW(rope_heads({}, positions, frequencies(10), {.width = 10}));
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
