#include "kernels/activation/activation.h"

#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/usable_cores.h"
#include "tests/kernels_plain/each_set.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

const mx::Dtype kTypes[] = {mx::float32, mx::float16, mx::bfloat16};
const Activation kActivations[] = {
    Activation::kSilu, Activation::kGelu, Activation::kGeluTanh,
    Activation::kRelu, Activation::kRelu2};

// Any shape; 257 and more are beyond a kernel's chunk.
const mx::Shape kShapes[] = {{1}, {17}, {2, 3, 5}, {1, 257}, {3, 301}};

// Numbers go up to 64.
float tolerance(mx::Dtype type) {
  return type == mx::float32 ? 1e-5f : 16 * rounding(type);
}

double exact(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return x * std::erfc(-x / std::sqrt(2.0)) / 2;
    case Activation::kGeluTanh:
      // (1 + tanh y) / 2 with all its digits
      return x /
             (1 +
              std::exp(-2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0);
    case Activation::kRelu2:
      return x > 0 ? x * x : 0;
  }
  return NAN;
}

double exact_clipped(double gate, double up, double alpha, double limit) {
  const double g = std::min(gate, limit);
  const double u = std::clamp(up, -limit, limit);
  return g / (1 + std::exp(-alpha * g)) * (u + 1);
}

template <class Function>
std::vector<float> each(
    const mx::array& gate, const mx::array& up, Function function) {
  const auto g = floats(gate), u = floats(up);
  std::vector<float> results;
  for (size_t i = 0; i < g.size(); ++i) {
    results.push_back(static_cast<float>(function(g[i], u[i])));
  }
  return results;
}

mx::array wide(const mx::array& x, float factor) {
  return mx::astype(x * mx::array(factor, x.dtype()), x.dtype());
}

TEST(Activation, AgreesWithFloat64AndTheReference) {
  for (const auto activation : kActivations) {
    for (const auto type : kTypes) {
      for (const auto& shape : kShapes) {
        const auto x = wide(random_array(shape, 1, type), 2);
        const auto result = activate(activation, x);
        const auto expected = each(x, x, [&](double value, double) {
          return exact(activation, value);
        });
        EXPECT_EQ(result.dtype(), type);
        EXPECT_EQ(result.shape(), shape);
        EXPECT_LT(max_difference(floats(result), expected), tolerance(type));
        EXPECT_LT(
            max_difference(result, activate_reference(activation, x)),
            tolerance(type));
      }
    }
  }
}

TEST(Activation, GatesLikeFloat64AndTheReference) {
  for (const auto activation : kActivations) {
    for (const auto type : kTypes) {
      const auto gate = random_array({3, 301}, 1, type);
      const auto up = random_array({3, 301}, 2, type);
      const auto result = gated(activation, gate, up);
      const auto expected = each(gate, up, [&](double g, double u) {
        return exact(activation, g) * u;
      });
      EXPECT_EQ(result.dtype(), type);
      EXPECT_LT(max_difference(floats(result), expected), tolerance(type));
      EXPECT_LT(
          max_difference(result, gated_reference(activation, gate, up)),
          tolerance(type));
    }
  }
}

TEST(Activation, ClipsLikeFloat64AndTheReference) {
  for (const auto type : kTypes) {
    const auto gate = wide(random_array({3, 301}, 1, type), 2);
    const auto up = wide(random_array({3, 301}, 2, type), 2);
    const auto result = clipped_swiglu(gate, up, 1.702f, 2.5f);
    const auto expected = each(gate, up, [](double g, double u) {
      return exact_clipped(g, u, 1.702f, 2.5f);
    });
    EXPECT_LT(max_difference(floats(result), expected), tolerance(type));
    EXPECT_LT(
        max_difference(
            result, clipped_swiglu_reference(gate, up, 1.702f, 2.5f)),
        tolerance(type));
  }
}

// All over the range in which results are normal numbers. least: what results
// are measured by where they are less, relative to x.
void expect_within_a_millionth(Activation activation, double least) {
  std::vector<float> numbers;
  for (int i = 0; i <= 100000; ++i) {
    numbers.push_back(-80 + 180.0f * static_cast<float>(i) / 100000);
  }
  const auto x = mx::array(numbers.begin(), mx::Shape{100001});
  const auto results = floats(activate(activation, x));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const double expected = exact(activation, numbers[i]);
    const double size =
        std::max(std::abs(expected), least * std::abs(numbers[i]));
    ASSERT_NEAR(results[i], expected, 1e-6 * size)
        << static_cast<int>(activation) << " of " << numbers[i];
  }
}

TEST(Activation, IsWithinAMillionthOfFloat64) {
  under_each_set([] {
    for (const auto activation : kActivations) {
      const double least = activation == Activation::kGeluTanh ? 1e-10 : 1e-30;
      expect_within_a_millionth(activation, least);
    }
  });
}

TEST(Activation, CapsLikeFloat64AndTheReference) {
  for (const auto type : kTypes) {
    const auto x = wide(random_array({3, 301}, 1, type), 20);
    const auto result = softcap(x, 30);
    const auto expected = each(
        x, x, [](double value, double) { return 30 * std::tanh(value / 30); });
    EXPECT_LT(max_difference(floats(result), expected), tolerance(type));
    EXPECT_LT(
        max_difference(result, softcap_reference(x, 30)), tolerance(type));
  }
}

TEST(Activation, HasTheSameBitsOnAnyNumberOfThreads) {
  const auto gate = random_array({301, 260}, 1, mx::bfloat16);
  const auto up = random_array({301, 260}, 2, mx::bfloat16);
  set_kernel_threads(1);
  auto alone = gated(Activation::kSilu, gate, up);
  mx::eval(alone);
  for (const int threads : {2, 3}) {
    set_kernel_threads(threads);
    EXPECT_TRUE(same_bits(gated(Activation::kSilu, gate, up), alone));
  }
  set_kernel_threads(usable_cores());
}

TEST(Activation, TreatsEachNumberAlone) {
  for (const auto type : kTypes) {
    const auto gate = random_array({9, 77}, 1, type);
    const auto up = random_array({9, 77}, 2, type);
    const auto clipped = clipped_swiglu(gate, up, 1.702f, 1);
    for (const auto activation : kActivations) {
      const auto alone = activate(activation, gate);
      const auto together = gated(activation, gate, up);
      for (int i = 0; i < 9; ++i) {
        const auto g = rows(gate, i, i + 1), u = rows(up, i, i + 1);
        EXPECT_TRUE(same_bits(activate(activation, g), rows(alone, i, i + 1)));
        EXPECT_TRUE(
            same_bits(gated(activation, g, u), rows(together, i, i + 1)));
        EXPECT_TRUE(same_bits(
            clipped_swiglu(g, u, 1.702f, 1), rows(clipped, i, i + 1)));
      }
    }
  }
}

// The two halves of one wider product.
TEST(Activation, ReadsArraysThatAreNotContiguous) {
  const auto both = random_array({5, 2 * 37}, 1);
  const auto halves = mx::split(both, 2, -1);
  EXPECT_TRUE(same_bits(
      gated(Activation::kGelu, halves[0], halves[1]),
      gated(
          Activation::kGelu, mx::contiguous(halves[0]),
          mx::contiguous(halves[1]))));
}

TEST(Activation, SurvivesExtremeGates) {
  const std::vector<float> extremes = {-1e4f, -100, 0, 100, 1e4f};
  const auto gate = mx::array(extremes.begin(), mx::Shape{1, 5});
  const auto up = mx::ones({1, 5});
  const std::vector<float> expected = {0, 0, 0, 100, 1e4f};
  for (const auto activation : kActivations) {
    if (activation != Activation::kRelu2) {
      EXPECT_LT(
          max_difference(floats(gated(activation, gate, up)), expected), 1e-5f);
    }
  }
  const std::vector<float> squares = {0, 0, 0, 1e4f, 1e8f};
  EXPECT_EQ(floats(gated(Activation::kRelu2, gate, up)), squares);
  const std::vector<float> clipped = {0, 0, 0, 14, 14};
  EXPECT_LT(
      max_difference(floats(clipped_swiglu(gate, up, 1.702f, 7)), clipped),
      1e-3f);
}

TEST(Activation, RefusesGatesOfAnotherShape) {
  const auto gate = mx::ones({2, 3});
  EXPECT_ANY_THROW(gated(Activation::kRelu, gate, mx::ones({3, 2})));
  EXPECT_ANY_THROW(
      gated(Activation::kRelu, gate, mx::ones({2, 3}, mx::float16)));
}

} // namespace
} // namespace parallm
