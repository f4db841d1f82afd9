#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/sample/sample_order.h"
#include "tests/sampling/naive_sampler.h"
#include "tests/sampling/random_rows.h"

namespace parallm {
namespace {

std::vector<int> first_ids(const std::vector<float>& values, int count) {
  std::vector<int> ids;
  const LogitRow row{values.data(), static_cast<int>(values.size())};
  for (OrderKey key : first_in_order(row, extent_of(row), count)) {
    ids.push_back(id_of(key));
  }
  return ids;
}

TEST(Order, TheFirstAreThoseOfAStableSort) {
  for (bool ties : {false, true}) {
    RandomRows random(11);
    const auto values = random.logits(5003, ties);
    const auto all = naive::ordered(values);
    for (int count : {0, 1, 5, 40, 300, 5002, 5003, 9000}) {
      const auto end = all.begin() + std::min<long>(count, 5003);
      EXPECT_EQ(first_ids(values, count), std::vector<int>(all.begin(), end));
    }
  }
}

TEST(Order, RisingAndFallingValuesAreNoSpecialCase) {
  std::vector<float> rising(1000);
  std::iota(rising.begin(), rising.end(), -500.0f);
  EXPECT_THAT(first_ids(rising, 3), testing::ElementsAre(999, 998, 997));
  std::reverse(rising.begin(), rising.end());
  EXPECT_THAT(first_ids(rising, 3), testing::ElementsAre(0, 1, 2));
}

TEST(Order, WhatIsAtMinusInfinityIsNeverAmongThem) {
  EXPECT_THAT(
      first_ids({naive::kNever, 1, naive::kNever, 2}, 4),
      testing::ElementsAre(3, 1));
}

TEST(Order, BothZerosAreEqual) {
  EXPECT_THAT(
      first_ids({-0.0f, 0.0f, -0.0f}, 3), testing::ElementsAre(0, 1, 2));
}

} // namespace
} // namespace parallm
