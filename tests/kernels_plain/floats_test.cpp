#include "kernels/floats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/kernels_plain/small_floats.h"
#include "tests/support/numbers.h"

namespace parallm {
namespace {

using namespace test;

constexpr FloatType kHalves[] = {FloatType::kF16, FloatType::kBF16};

std::vector<uint16_t> all_patterns() {
  std::vector<uint16_t> patterns(1 << 16);
  for (size_t i = 0; i < patterns.size(); ++i) {
    patterns[i] = static_cast<uint16_t>(i);
  }
  return patterns;
}

// Equal, zeros by their sign too, or both not numbers.
bool same(double a, double b) {
  return std::isnan(a) ? std::isnan(b)
                       : a == b && std::signbit(a) == std::signbit(b);
}

TEST(PlainFloats, WidensEveryPatternExactly) {
  const auto patterns = all_patterns();
  std::vector<float> wide(patterns.size());
  for (const FloatType type : kHalves) {
    simd::load_row(type, wide.data(), patterns.data(), 1 << 16);
    for (size_t i = 0; i < patterns.size(); ++i) {
      ASSERT_TRUE(same(wide[i], number_of(type, patterns[i]))) << i;
    }
  }
}

TEST(PlainFloats, LoadsNoMoreThanARowAndPadsItWithZeros) {
  const auto patterns = all_patterns();
  for (const FloatType type : kHalves) {
    for (int n = 0; n <= 50; ++n) {
      // At the end of its memory, so that sanitizers see what is read beyond.
      const std::vector<uint16_t> row(
          patterns.begin() + 0x3c00, patterns.begin() + 0x3c00 + n);
      std::vector<float> out(simd::round_up(n), -1.0f);
      simd::load_row(type, out.data(), row.data(), n);
      for (int i = 0; i < static_cast<int>(out.size()); ++i) {
        ASSERT_EQ(out[i], i < n ? number_of(type, row[i]) : 0.0) << n;
      }
    }
  }
}

// The nearest by trying all neighbours, ties to even.
bool is_nearest(FloatType type, uint16_t rounded, double value) {
  const double error = std::abs(number_of(type, rounded) - value);
  for (const int step : {-1, 1}) {
    const auto other = static_cast<uint16_t>(rounded + step);
    const double other_error = std::abs(number_of(type, other) - value);
    if (other_error < error || (other_error == error && rounded % 2 == 1)) {
      return false;
    }
  }
  return true;
}

double largest(FloatType type) {
  return number_of(type, type == FloatType::kF16 ? 0x7bff : 0x7f7f);
}

TEST(PlainFloats, RoundsToTheNearestAndTiesToEven) {
  for (const FloatType type : kHalves) {
    for (const float value : random_floats(300, 2)) {
      for (int exponent = -160; exponent < 128; ++exponent) {
        const float number = std::ldexp(value, exponent);
        if (std::abs(number) <= largest(type)) {
          uint16_t rounded;
          store_row(type, &rounded, &number, 1);
          ASSERT_TRUE(is_nearest(type, rounded, number)) << number;
        }
      }
    }
  }
}

// Exactly between two neighbours, and a float32 above and below.
TEST(PlainFloats, RoundsTiesOfEveryPattern) {
  for (const FloatType type : kHalves) {
    for (const uint16_t pattern : all_patterns()) {
      if ((pattern & 0x7fff) >= (type == FloatType::kF16 ? 0x7bff : 0x7f7f)) {
        continue;
      }
      const double tie = (number_of(type, pattern) +
                          number_of(type, static_cast<uint16_t>(pattern + 1))) /
                         2;
      const auto middle = static_cast<float>(tie);
      for (const float number :
           {std::nextafter(middle, -INFINITY), middle,
            std::nextafter(middle, INFINITY)}) {
        uint16_t rounded;
        store_row(type, &rounded, &number, 1);
        ASSERT_TRUE(is_nearest(type, rounded, number)) << pattern;
      }
    }
  }
}

TEST(PlainFloats, WhatIsTooLargeIsInfiniteAndNanStays) {
  EXPECT_EQ(to_float16(65519.0f), 0x7bff);
  EXPECT_EQ(to_float16(65520.0f), 0x7c00);
  EXPECT_EQ(to_float16(-1e30f), 0xfc00);
  EXPECT_EQ(to_float16(-INFINITY), 0xfc00);
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(to_bfloat16(-INFINITY), 0xff80);
  for (const FloatType type : kHalves) {
    uint16_t rounded;
    const float nan = NAN;
    store_row(type, &rounded, &nan, 1);
    EXPECT_TRUE(std::isnan(number_of(type, rounded)));
  }
}

} // namespace
} // namespace parallm
