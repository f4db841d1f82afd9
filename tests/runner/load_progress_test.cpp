#include "runner/load_progress.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

constexpr size_t kGiB = size_t{1} << 30;

TEST(LoadProgress, SaysNothingOfAShortLoad) {
  LoadProgress progress;
  EXPECT_FALSE(progress.line(0, 1, 2));
  EXPECT_FALSE(progress.line(4.9, 2, 2));
}

TEST(LoadProgress, SaysALineEveryFewSecondsOfALongOne) {
  LoadProgress progress;
  EXPECT_EQ(
      progress.line(5.2, kGiB, 4 * kGiB), "loading: 25 % of 4.0 GiB after 5 s");
  EXPECT_FALSE(progress.line(6, 2 * kGiB, 4 * kGiB));
  EXPECT_FALSE(progress.line(10.1, 2 * kGiB, 4 * kGiB));
  EXPECT_EQ(
      progress.line(10.3, 3 * kGiB, 4 * kGiB),
      "loading: 75 % of 4.0 GiB after 10 s");
}

TEST(LoadProgress, OfNothingItIsNoTrouble) {
  LoadProgress progress;
  EXPECT_EQ(progress.line(7, 0, 0), "loading: 0 % of 0.0 GiB after 7 s");
}

} // namespace
} // namespace parallm
