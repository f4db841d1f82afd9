#include "kernels/paged_attention/exp_below.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/kernels_plain/each_set.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace simd;

struct Range {
  float* first;
  int count;
};

PARALLM_INLINE void exp_all(const Range& range) {
  for (int i = 0; i < range.count; i += kLanes) {
    Floats x;
    std::memcpy(&x, range.first + i, sizeof(x));
    exp_below(x, x);
    std::memcpy(range.first + i, &x, sizeof(x));
  }
}

PARALLM_MULTIVERSION(exp_on_any, exp_all, Range)

std::vector<float> exp_of(std::vector<float> x) {
  x.resize(round_up(static_cast<int>(x.size())));
  exp_on_any({x.data(), static_cast<int>(x.size())});
  return x;
}

void expect_near(float first, float last) {
  std::vector<float> x;
  for (float v = first; v <= last; v += (last - first) / (1 << 18)) {
    x.push_back(v);
  }
  const auto powers = exp_of(x);
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::exp(double{x[i]});
    worst = test::larger_error(worst, std::abs(powers[i] / exact - 1));
  }
  EXPECT_LT(worst, 5e-7) << first << " to " << last;
}

TEST(ExpBelow, IsWithinFiveTenMillionthsUnderEachInstructionSet) {
  test::under_each_set([] {
    expect_near(-87.0f, -1.0f);
    expect_near(-1.0f, 0.0f);
    expect_near(-1e-6f, 1e-3f);
  });
}

TEST(ExpBelow, EndsAtNothingAndBeginsAtOne) {
  const auto powers =
      exp_of({0.0f, -0.0f, -87.01f, -100.0f, -3e4f, -1e30f, -INFINITY, NAN});
  EXPECT_EQ(powers[0], 1.0f);
  EXPECT_EQ(powers[1], 1.0f);
  for (int i = 2; i < 7; ++i) {
    EXPECT_EQ(powers[i], 0.0f) << i;
  }
  EXPECT_TRUE(std::isnan(powers[7]));
}

} // namespace
} // namespace parallm
