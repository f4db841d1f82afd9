#include "delivery/admission.h"

#include <gtest/gtest.h>

#include <deque>

namespace parallm {
namespace {

struct Door {
  explicit Door(AdmissionLimits limits)
      : admission(limits, [this] { return now; }) {}
  double now = 100; // seconds
  Admission admission;
};

TEST(Admission, BoundsTheJobsThatWait) {
  Door door({.max_queue = 2});
  auto first = door.admission.enter({1});
  auto second = door.admission.enter({1});
  ASSERT_TRUE(first && second);
  auto third = door.admission.enter({1});
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().reason, RefusalReason::kQueueFull);
  first.value().queued.reset();
  EXPECT_TRUE(door.admission.enter({1}));
}

TEST(Admission, BoundsThePromptTokensThatWait) {
  Door door({.max_queue = 10, .max_queue_tokens = 100});
  auto first = door.admission.enter({60});
  EXPECT_FALSE(door.admission.enter({41}));
  auto second = door.admission.enter({40});
  EXPECT_TRUE(second);
  second.value().queued.reset();
  EXPECT_TRUE(door.admission.enter({40}));
}

TEST(Admission, BoundsTheMemoryOfAnswersUntilTheyHaveEnded) {
  Door door({.max_job_bytes = 100});
  auto first = door.admission.enter({1, 60});
  ASSERT_TRUE(first);
  first.value().queued.reset(); // it runs, and its answer gathers
  EXPECT_FALSE(door.admission.enter({1, 41}));
  EXPECT_TRUE(door.admission.enter({1, 40}));
  first.value().active.reset();
  EXPECT_TRUE(door.admission.enter({1, 100}));
}

TEST(Admission, LetsAJobAboveTheTokenBoundWaitAlone) {
  Door door({.max_queue = 10, .max_queue_tokens = 100});
  auto large = door.admission.enter({1000});
  ASSERT_TRUE(large);
  EXPECT_FALSE(door.admission.enter({1}));
  large.value().queued.reset();
  auto small = door.admission.enter({1});
  EXPECT_TRUE(small);
  EXPECT_FALSE(door.admission.enter({1000}));
}

TEST(Admission, PermitsGiveTheirCountsBackWhereverTheyDie) {
  Door door({});
  {
    std::deque<Admission::Permits> permits;
    for (int i = 0; i < 3; ++i) {
      permits.push_back(std::move(door.admission.enter({7})).value());
    }
    auto moved = std::move(permits.front());
    permits.pop_front();
    EXPECT_EQ(door.admission.active_jobs(), 3);
    EXPECT_EQ(door.admission.queued_jobs(), 3);
    moved.queued.reset();
    EXPECT_EQ(door.admission.queued_jobs(), 2);
    EXPECT_EQ(door.admission.active_jobs(), 3);
  }
  EXPECT_EQ(door.admission.active_jobs(), 0);
  EXPECT_EQ(door.admission.queued_jobs(), 0);
}

TEST(Admission, RefusesWhileDraining) {
  Door door({});
  door.admission.drain();
  auto refused = door.admission.enter({1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, RefusalReason::kDraining);
  EXPECT_GE(refused.error().retry_after_s, 1);
}

// Fills the door, then lets one job out and one in every `interval` seconds.
int retry_after(double interval, int turns) {
  Door door({.max_queue = 4, .max_queue_tokens = 1 << 20});
  std::deque<Admission::Permits> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::move(door.admission.enter({10})).value());
  }
  for (int i = 0; i < turns; ++i) {
    door.now += interval;
    waiting.pop_front();
    waiting.push_back(std::move(door.admission.enter({10})).value());
  }
  return door.admission.enter({10}).error().retry_after_s;
}

TEST(Admission, RetryAfterFollowsTheRecentRate) {
  EXPECT_EQ(retry_after(0.01, 100), 1);
  EXPECT_NEAR(retry_after(5, 100), 5, 1);
  EXPECT_NEAR(retry_after(20, 100), 20, 2);
  EXPECT_EQ(retry_after(500, 20), 60);
}

TEST(Admission, RetryAfterStaysInRangeBeforeAnythingHasLeft) {
  EXPECT_EQ(retry_after(1, 0), 1);
  Door door({.max_queue = 1});
  auto only = door.admission.enter({1});
  door.now += 1e6;
  const int retry = door.admission.enter({1}).error().retry_after_s;
  EXPECT_GE(retry, 1);
  EXPECT_LE(retry, 60);
}

TEST(Admission, RetryAfterForgetsHoursWithoutAQueue) {
  Door door({.max_queue = 1});
  for (int i = 0; i < 50; ++i) { // a job waits 0.1 s, every hour
    auto one = door.admission.enter({1});
    door.now += 0.1;
    one.value().queued.reset();
    door.now += 3600;
  }
  auto waits = door.admission.enter({1});
  EXPECT_EQ(door.admission.enter({1}).error().retry_after_s, 1);
}

TEST(Admission, RetryAfterCountsTokensInTheWay) {
  Door door({.max_queue = 100, .max_queue_tokens = 1000});
  std::deque<Admission::Permits> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(std::move(door.admission.enter({100})).value());
  }
  for (int i = 0; i < 200; ++i) { // 100 tokens a second
    door.now += 1;
    waiting.pop_front();
    waiting.push_back(std::move(door.admission.enter({100})).value());
  }
  EXPECT_NEAR(door.admission.enter({100}).error().retry_after_s, 1, 1);
  EXPECT_NEAR(door.admission.enter({800}).error().retry_after_s, 8, 1);
}

} // namespace
} // namespace parallm
