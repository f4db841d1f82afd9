#include "base/mailbox.h"
#include "base/thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

namespace parallm {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{60000}; // never waited for in full

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

TEST(Mailbox, TheWakeHookMayUseTheBox) {
  std::vector<int> seen;
  Mailbox<int>* self = nullptr;
  Mailbox<int> box([&] { seen = self->take(); });
  self = &box;
  box.put(1);
  EXPECT_EQ(seen, std::vector<int>{1});
}

TEST(Mailbox, KeepsWhatWasPutBeforeCloseAndRefusesTheRest) {
  Mailbox<int> box;
  EXPECT_FALSE(box.closed());
  EXPECT_TRUE(box.put(1));
  box.close();
  EXPECT_TRUE(box.closed());
  EXPECT_FALSE(box.put(2));
  EXPECT_EQ(box.take(), std::vector<int>{1});
}

TEST(Mailbox, ARefusedItemWakesNobodyAndIsFreed) {
  int wakes = 0;
  Mailbox<std::shared_ptr<int>> box([&] { ++wakes; });
  box.close();
  auto item = std::make_shared<int>(1);
  EXPECT_FALSE(box.put(item));
  EXPECT_EQ(item.use_count(), 1);
  EXPECT_EQ(wakes, 0);
}

TEST(Mailbox, ReusesTheSpentVector) {
  Mailbox<int> box;
  std::vector<int> spent;
  spent.reserve(100);
  const int* memory = spent.data();
  spent = box.take(std::move(spent));
  box.put(1);
  spent = box.take(std::move(spent));
  EXPECT_EQ(spent.data(), memory);
  EXPECT_EQ(spent, std::vector<int>{1});
}

TEST(Mailbox, WaitEndsWithTheTimeLimit) {
  Mailbox<int> box;
  EXPECT_TRUE(box.wait_for(milliseconds(1)).empty());
}

TEST(Mailbox, WaitEndsAtOnceWhenSomethingIsThereOrTheBoxIsClosed) {
  Mailbox<int> box;
  box.put(1);
  EXPECT_EQ(box.wait_for(kLong), std::vector<int>{1});
  box.close();
  EXPECT_TRUE(box.wait_for(kLong).empty());
}

TEST(Mailbox, CloseEndsAWaitUnderWay) {
  Mailbox<int> box;
  Thread closer([&] { box.close(); });
  EXPECT_TRUE(box.wait_for(kLong).empty());
}

TEST(Mailbox, ManyWritersLoseNothingAndKeepTheirOrder) {
  constexpr int kWriters = 4;
  constexpr int kItems = 5000;
  std::atomic<int> wakes{0};
  Mailbox<std::pair<int, int>> box([&] { ++wakes; });
  std::vector<Thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&box, writer] {
      for (int i = 0; i < kItems; ++i) {
        box.put({writer, i});
      }
    });
  }
  std::vector<int> next(kWriters, 0);
  std::vector<std::pair<int, int>> items;
  int seen = 0;
  int lists = 0;
  while (seen < kWriters * kItems) {
    items = box.wait_for(kLong, std::move(items));
    ASSERT_FALSE(items.empty()) << "something was lost";
    for (const auto& [writer, item] : items) {
      ASSERT_EQ(item, next[writer]++);
      ++seen;
    }
    ++lists;
  }
  writers.clear(); // so that the last hook has run
  EXPECT_EQ(wakes, lists);
}

} // namespace
} // namespace parallm
