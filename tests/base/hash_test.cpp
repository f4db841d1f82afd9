#include "base/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <set>

namespace parallm {
namespace {

TEST(Mix64, EqualsThePublishedSequence) { // SplitMix64 from seed 0
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafu);
  EXPECT_EQ(mix64(0x9e3779b97f4a7c15u), 0x6e789e6aa1b965f4u);
}

TEST(Mix64, OneInputBitChangesAboutHalfOfTheOutput) {
  for (uint64_t x = 0; x < 100; ++x) {
    for (int bit = 0; bit < 64; ++bit) {
      const int changed = std::popcount(mix64(x) ^ mix64(x ^ 1ull << bit));
      EXPECT_GT(changed, 8);
      EXPECT_LT(changed, 56);
    }
  }
}

TEST(HashCombine, DependsOnOrderAndOnEveryPart) {
  std::set<uint64_t> seen;
  for (uint64_t a = 0; a < 100; ++a) {
    for (uint64_t b = 0; b < 100; ++b) {
      seen.insert(hash_combine(a, b));
    }
  }
  EXPECT_EQ(seen.size(), 10000u);
}

} // namespace
} // namespace parallm
