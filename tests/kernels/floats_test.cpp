#include "kernels/floats.h"

#include <gtest/gtest.h>

#include "tests/support/arrays.h"

namespace parallm {
namespace {

using namespace test;

std::vector<uint16_t> all_patterns() {
  std::vector<uint16_t> patterns(1 << 16);
  for (size_t i = 0; i < patterns.size(); ++i) {
    patterns[i] = static_cast<uint16_t>(i);
  }
  return patterns;
}

// What MLX makes of the same patterns.
std::vector<float> widened_by_mlx(mx::Dtype dtype) {
  const auto patterns = all_patterns();
  return floats(mx::view(
      mx::array(patterns.begin(), mx::Shape{1 << 16}, mx::uint16), dtype));
}

void expect_equal(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) || std::isnan(b[i])) {
      ASSERT_TRUE(std::isnan(a[i]) && std::isnan(b[i])) << i;
    } else {
      ASSERT_EQ(std::signbit(a[i]), std::signbit(b[i])) << i;
      ASSERT_EQ(a[i], b[i]) << i;
    }
  }
}

TEST(Floats, WidensEveryHalfAndBrainFloatExactly) {
  const auto patterns = all_patterns();
  std::vector<float> wide(patterns.size());
  simd::load_row(FloatType::kF16, wide.data(), patterns.data(), 1 << 16);
  expect_equal(wide, widened_by_mlx(mx::float16));
  simd::load_row(FloatType::kBF16, wide.data(), patterns.data(), 1 << 16);
  expect_equal(wide, widened_by_mlx(mx::bfloat16));
}

TEST(Floats, LoadsATailAndPadsItWithZeros) {
  const std::vector<float> values = random_floats(37, 1);
  std::vector<float> out(48, -1);
  simd::load_row(FloatType::kF32, out.data(), values.data(), 37);
  EXPECT_TRUE(std::equal(values.begin(), values.end(), out.begin()));
  EXPECT_TRUE(
      std::all_of(out.begin() + 37, out.end(), [](float v) { return v == 0; }));
}

// Every exponent, so that subnormal and infinite results are met as well.
std::vector<float> numbers_of_all_sizes() {
  std::vector<float> numbers;
  for (const float value : random_floats(1000, 2)) {
    for (int exponent = -140; exponent < 128; exponent += 3) {
      numbers.push_back(std::ldexp(value, exponent));
    }
  }
  for (const float special :
       {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 65519.0f, 65520.0f,
        1.0f + 0x1p-11f, 1.0f + 0x1p-8f}) {
    numbers.push_back(special);
  }
  return numbers;
}

TEST(Floats, RoundsLikeMlx) {
  const auto numbers = numbers_of_all_sizes();
  const int n = static_cast<int>(numbers.size());
  for (const auto& [type, dtype] :
       {std::pair{FloatType::kF16, mx::float16},
        std::pair{FloatType::kBF16, mx::bfloat16}}) {
    std::vector<uint16_t> ours(numbers.size());
    store_row(type, ours.data(), numbers.data(), n);
    std::vector<float> wide(simd::round_up(n));
    simd::load_row(type, wide.data(), ours.data(), n);
    wide.resize(n);
    expect_equal(
        wide,
        floats(mx::astype(mx::array(numbers.begin(), mx::Shape{n}), dtype)));
  }
}

} // namespace
} // namespace parallm
