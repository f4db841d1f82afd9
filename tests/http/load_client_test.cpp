#include "http/load_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "base/check.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

Address address_of(const TestServer& server, const std::string& path = "") {
  return {
      .host = "127.0.0.1",
      .port = std::to_string(server.server.port()),
      .path = path};
}

// Changed on the one shard, read by the test.
struct Crowd {
  std::atomic<int> here = 0;
  std::atomic<int> most = 0;
};

Task<> join(Exchange& exchange, Crowd* crowd) {
  crowd->most = std::max(crowd->most.load(), ++crowd->here);
  for (int i = 0; i < 3; ++i) {
    exchange.wake();
    co_await exchange.wait(std::chrono::hours(1));
  }
  --crowd->here;
  co_await exchange.send(text("left"));
}

TEST(LoadClient, AnswersAreInTheOrderOfTheBodies) {
  TestServer server;
  std::vector<std::string> bodies;
  for (int i = 0; i < 50; ++i) {
    bodies.push_back(std::string(size_t(i), 'x'));
  }
  const auto answers = post_all(address_of(server), "/echo", bodies, 7);
  ASSERT_EQ(answers.size(), bodies.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].status, 200);
    EXPECT_EQ(answers[i].body, "POST /echo [] ? " + bodies[i]);
    EXPECT_EQ(answers[i].error, "");
  }
}

TEST(LoadClient, SendsAtMostAsManyAtATimeAsAsked) {
  Crowd crowd;
  ServerOptions options = test_options();
  options.shards = 1;
  TestServer server(
      std::move(options),
      {{.method = "POST", .path = "/join", .handler = [&](Exchange& exchange) {
          return join(exchange, &crowd);
        }}});
  post_all(address_of(server), "/join", std::vector<std::string>(40, "{}"), 3);
  EXPECT_GE(crowd.most, 1);
  EXPECT_LE(crowd.most, 3);
}

TEST(LoadClient, ThePathOfTheServerComesFirst) {
  TestServer server;
  EXPECT_EQ(
      http::get(address_of(server, "/items"), "/echo").body,
      "GET /items/echo [echo] ? ");
}

TEST(LoadClient, ArrivalsAscendToTheWholeBody) {
  TestServer server;
  const auto answer = http::get(address_of(server), "/stream");
  EXPECT_EQ(answer.body, "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  ASSERT_FALSE(answer.arrivals.empty());
  EXPECT_EQ(answer.arrivals.back().body_bytes, answer.body.size());
  EXPECT_TRUE(
      std::ranges::is_sorted(answer.arrivals, {}, &Arrival::body_bytes));
  EXPECT_TRUE(std::ranges::is_sorted(answer.arrivals, {}, &Arrival::at_s));
  EXPECT_LT(answer.sent_s, answer.arrivals.front().at_s);
}

TEST(LoadClient, AnAnswerThatIsCutOffIsAnError) {
  TestServer server;
  EXPECT_NE(http::get(address_of(server), "/fail-late").error, "");
}

TEST(LoadClient, NobodyThereIsAnErrorOfEachAnswer) {
  Address nobody;
  {
    TestServer server;
    nobody = address_of(server);
  }
  const auto answers = post_all(nobody, "/echo", {"a", "b"}, 2);
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.error, "Connection refused");
    EXPECT_EQ(answer.status, 0);
  }
}

} // namespace
} // namespace parallm::http::testing
