#include "cache/promises.h"

#include <gtest/gtest.h>

#include "base/check.h"

namespace parallm {
namespace {

constexpr Promises::Party kAda{1}, kBob{2}, kCyd{3};

TEST(Promises, EndTellsThoseWhoWaited) {
  Promises promises;
  promises.make(7, kAda);
  promises.wait(7, kBob);
  promises.wait(7, kCyd);
  EXPECT_EQ(promises.end(7, kAda), (std::vector{kBob, kCyd}));
  EXPECT_FALSE(promises.promised(7));
}

TEST(Promises, OnlyTheFirstPromiserEndsIt) {
  Promises promises;
  promises.make(7, kAda);
  promises.make(7, kBob);
  EXPECT_TRUE(promises.end(7, kBob).empty());
  EXPECT_TRUE(promises.promised(7));
}

TEST(Promises, WhoLeavesIsNotTold) {
  Promises promises;
  promises.make(7, kAda);
  promises.wait(7, kBob);
  promises.leave(7, kBob);
  EXPECT_TRUE(promises.end(7, kAda).empty());
}

TEST(Promises, NobodyWaitsForWhatIsNotPromised) {
  Promises promises;
  EXPECT_THROW(promises.wait(7, kBob), CheckFailed);
}

} // namespace
} // namespace parallm
