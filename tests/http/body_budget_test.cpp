#include "http/body_budget.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/thread.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

TEST(BodyBudget, LetsBodiesGrowUpToItsBound) {
  BodyBudget budget(100);
  BodyPermit first(budget);
  BodyPermit second(budget);
  EXPECT_TRUE(first.grow_to(60));
  EXPECT_TRUE(second.grow_to(30));
  EXPECT_TRUE(second.grow_to(40));
  EXPECT_EQ(budget.held_bytes(), 100u);
  EXPECT_FALSE(second.grow_to(41));
  EXPECT_EQ(budget.held_bytes(), 100u);
}

TEST(BodyBudget, APermitNeverShrinksButAtItsRelease) {
  BodyBudget budget(100);
  BodyPermit permit(budget);
  EXPECT_TRUE(permit.grow_to(60));
  EXPECT_TRUE(permit.grow_to(10));
  EXPECT_EQ(budget.held_bytes(), 60u);
  permit.release();
  permit.release();
  EXPECT_EQ(budget.held_bytes(), 0u);
}

TEST(BodyBudget, ABodyAloneAlwaysPasses) {
  BodyBudget budget(10);
  BodyPermit large(budget);
  BodyPermit small(budget);
  EXPECT_TRUE(large.grow_to(1000));
  EXPECT_TRUE(large.grow_to(2000));
  EXPECT_FALSE(small.grow_to(1));
  large.release();
  EXPECT_TRUE(small.grow_to(1));
  EXPECT_FALSE(large.grow_to(10));
}

TEST(BodyBudget, GetsBackWhatAPermitHadWhenItDies) {
  BodyBudget budget(100);
  {
    BodyPermit permit(budget);
    EXPECT_TRUE(permit.grow_to(60));
  }
  EXPECT_EQ(budget.held_bytes(), 0u);
}

TEST(BodyBudget, KeepsItsBooksForManyThreads) {
  constexpr uint64_t kBound = 100;
  BodyBudget budget(kBound);
  std::vector<int> overdrawn(4);
  {
    std::vector<Thread> threads;
    for (int& times : overdrawn) {
      threads.emplace_back([&] {
        for (uint64_t i = 0; i < 2000; ++i) {
          BodyPermit permit(budget);
          const bool grown = permit.grow_to(1 + i % 50);
          times += grown && budget.held_bytes() > kBound ? 1 : 0;
        }
      });
    }
  }
  EXPECT_EQ(overdrawn, std::vector<int>(4));
  EXPECT_EQ(budget.held_bytes(), 0u);
}

// One shard and a Unix socket: what a client has sent is there to be read
// before what it sends later, and before what others send later.
class BodyLimits : public ::testing::Test {
 protected:
  static ServerOptions options() {
    ServerOptions options = test_options();
    options.host = "unix:" + path();
    options.shards = 1;
    options.max_bodies_bytes = 1000;
    return options;
  }

  static std::string path() {
    return ::testing::TempDir() + "parallm_bodies_" +
           std::to_string(::getpid());
  }

  static Client connect() { return Client::to_unix(path()); }

  // Sends the head, and the body when the server asks for it.
  static void begin_body(Client& client, const std::string& framing) {
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + framing +
        "\r\n\r\n");
    EXPECT_EQ(client.read_head().status, 100);
  }

  static int status_of(Client& client, size_t body_bytes) {
    client.send(post("/echo", std::string(body_bytes, 'x')));
    return client.read_answer().status;
  }

  TestServer test_{options()};
};

TEST_F(BodyLimits, ABodyWithoutRoomIs503WithRetryAfterAndCloses) {
  Client waiting = connect();
  waiting.send(post("/hang", std::string(600, 'x')));
  ASSERT_TRUE(test_.probe.begun.wait_for(1));
  for (const std::string& request :
       {post("/echo", std::string(600, 'x')),
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "258\r\n" +
            std::string(600, 'x') + "\r\n0\r\n\r\n"}) {
    Client client = connect();
    client.send(request);
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 503);
    EXPECT_TRUE(answer.body.starts_with("overloaded|")) << answer.body;
    EXPECT_EQ(answer.header("retry-after"), "1");
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_TRUE(client.at_end());
  }
}

TEST_F(BodyLimits, ABodyCountsWhileItIsRead) {
  Client slow = connect();
  begin_body(slow, "Content-Length: 700");
  slow.send(std::string(600, 'x'));
  Client other = connect();
  EXPECT_EQ(status_of(other, 600), 503);
  slow.send(std::string(100, 'x'));
  EXPECT_EQ(slow.read_answer().status, 200);
}

TEST_F(BodyLimits, WhatIsOnlyAnnouncedTakesNoRoom) {
  Client silent = connect();
  begin_body(silent, "Content-Length: 1000000");
  Client other = connect();
  EXPECT_EQ(status_of(other, 900), 200);
}

TEST_F(BodyLimits, GivesRoomBackBeforeTheNextRequest) {
  Client client = connect();
  Client other = connect();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_of(client, 900), 200);
    client.send(get("/echo")); // the body before it is gone
    EXPECT_EQ(client.read_answer().status, 200);
    EXPECT_EQ(status_of(other, 900), 200);
    other.send(get("/echo"));
    EXPECT_EQ(other.read_answer().status, 200);
  }
}

TEST_F(BodyLimits, GivesRoomBackWhenItGivesUpOnABody) {
  Client waiting = connect();
  waiting.send(post("/hang", std::string(600, 'x')));
  ASSERT_TRUE(test_.probe.begun.wait_for(1));
  Client broken = connect();
  begin_body(broken, "Transfer-Encoding: chunked");
  broken.send("12c\r\n" + std::string(300, 'x') + "\r\n");
  Client other = connect();
  EXPECT_EQ(status_of(other, 200), 503);
  broken.send("zz\r\n\r\n");
  EXPECT_EQ(broken.read_answer().status, 400);
  // It lingers, and still there is room.
  Client third = connect();
  EXPECT_EQ(status_of(third, 300), 200);
}

TEST_F(BodyLimits, ALargeBodyAlonePasses) {
  Client client = connect();
  EXPECT_EQ(status_of(client, 100'000), 200);
  EXPECT_EQ(status_of(client, 100'000), 200);
}

} // namespace
} // namespace parallm::http::testing
