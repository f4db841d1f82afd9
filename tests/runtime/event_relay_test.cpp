#include "runtime/event_relay.h"

#include <gtest/gtest.h>

namespace parallm {
namespace {

StepEvents one_event(TokenId token) {
  StepEvents events;
  events.emplace_back().token = token;
  return events;
}

// Keeps what is posted until the test runs it.
struct Shards {
  std::vector<std::function<void()>> posted{};
  std::vector<std::pair<int, TokenId>> delivered{};

  EventRelay relay{
      2,
      [this](int, std::function<void()> work) {
        posted.push_back(std::move(work));
      },
      [this](int shard, StepEvents events) {
        delivered.emplace_back(shard, events.at(0).token);
      }};

  void run() {
    for (const auto& work : std::exchange(posted, {})) {
      work();
    }
  }
};

TEST(EventRelay, WakesALateShardOnceForAllSteps) {
  Shards shards;
  for (TokenId token = 0; token < 3; ++token) {
    shards.relay.put(1, one_event(token));
  }
  EXPECT_EQ(shards.posted.size(), 1u);
  shards.run();
  const std::vector<std::pair<int, TokenId>> in_order{{1, 0}, {1, 1}, {1, 2}};
  EXPECT_EQ(shards.delivered, in_order);
}

TEST(EventRelay, WakesAgainAfterTheShardHasLooked) {
  Shards shards;
  shards.relay.put(0, one_event(7));
  shards.run();
  shards.relay.put(0, one_event(8));
  shards.relay.put(1, one_event(9));
  EXPECT_EQ(shards.posted.size(), 2u);
  shards.run();
  const std::vector<std::pair<int, TokenId>> all{{0, 7}, {0, 8}, {1, 9}};
  EXPECT_EQ(shards.delivered, all);
}

} // namespace
} // namespace parallm
