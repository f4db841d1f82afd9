#include "base/mailbox.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

TEST(Mailbox, WakesOnlyWhenItTurnsFromEmptyToNonEmpty) {
  int wakes = 0;
  Mailbox<int> box([&] { ++wakes; });
  box.put(1);
  box.put(2);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(box.take(), (std::vector<int>{1, 2}));
  box.put(3);
  EXPECT_EQ(wakes, 2);
}

TEST(Mailbox, KeepsWhatWasPutBeforeCloseAndRefusesTheRest) {
  Mailbox<int> box;
  EXPECT_TRUE(box.put(1));
  box.close();
  EXPECT_FALSE(box.put(2));
  EXPECT_EQ(box.take(), std::vector<int>{1});
}

} // namespace
} // namespace parallm
