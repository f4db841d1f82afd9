#include "kernels/expert_sum/expert_sum.h"

#include <gtest/gtest.h>

#include "kernels/kernel_pool.h"
#include "kernels/usable_cores.h"
#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

std::vector<float> exact(const mx::array& y, const mx::array& shares) {
  const auto numbers = floats(y), parts = floats(shares);
  const size_t width = y.shape(2), experts = y.shape(1);
  std::vector<float> sums;
  for (size_t i = 0; i < y.shape(0) * width; ++i) {
    const size_t token = i / width;
    double sum = 0;
    for (size_t k = token * experts; k < (token + 1) * experts; ++k) {
      sum += static_cast<double>(numbers[k * width + i % width]) * parts[k];
    }
    sums.push_back(static_cast<float>(sum));
  }
  return sums;
}

TEST(ExpertSum, AgreesWithFloat64AndTheReference) {
  for (const auto type : {mx::float32, mx::float16, mx::bfloat16}) {
    for (const int width : {1, 15, 16, 17, 130}) {
      const auto y = random_array({5, 3, width}, 1, type);
      const auto shares = random_array({5, 3}, 2);
      const auto sums = expert_sum(y, shares);
      EXPECT_EQ(sums.dtype(), type);
      EXPECT_LT(
          max_difference(floats(sums), exact(y, shares)), 4 * rounding(type));
      EXPECT_LT(
          max_difference(sums, expert_sum_reference(y, shares)),
          8 * rounding(type));
    }
  }
}

TEST(ExpertSum, HasTheSameBitsAloneAndOnAnyNumberOfThreads) {
  const auto y = random_array({301, 3, 77}, 1, mx::bfloat16);
  const auto shares = random_array({301, 3}, 2);
  set_kernel_threads(1);
  auto together = expert_sum(y, shares);
  mx::eval(together);
  for (const int threads : {2, 3}) {
    set_kernel_threads(threads);
    EXPECT_TRUE(same_bits(expert_sum(y, shares), together)) << threads;
  }
  set_kernel_threads(usable_cores());
  for (const int i : {0, 7, 300}) {
    EXPECT_TRUE(same_bits(
        expert_sum(rows(y, i, i + 1), rows(shares, i, i + 1)),
        rows(together, i, i + 1)));
  }
}

TEST(ExpertSum, RefusesSharesOfAnotherShape) {
  EXPECT_ANY_THROW(expert_sum(mx::ones({2, 3, 4}), mx::ones({3, 2})));
}

} // namespace
} // namespace parallm
