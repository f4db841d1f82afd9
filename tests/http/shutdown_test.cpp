#include <gtest/gtest.h>

#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

using Clock = std::chrono::steady_clock;

TEST(Shutdown, RefusesNewConnectionsAndServesOldOnes) {
  TestServer test;
  Client client = test.connect();
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
  test.server.stop_accepting();
  EXPECT_THROW(test.connect(), std::runtime_error);
  client.send(get("/echo"));
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST(Shutdown, DrainClosesIdleConnections) {
  TestServer test;
  Client idle = test.connect();
  idle.send(get("/echo"));
  idle.read_answer();
  EXPECT_TRUE(test.server.drain(Clock::now() + Gauge::kLimit));
  EXPECT_TRUE(idle.at_end());
}

Task<> answer_when_woken(Exchange& exchange, Exchange** out, Gauge* begun) {
  *out = &exchange;
  co_await exchange.start_stream(text(""));
  begun->add(1);
  co_await exchange.wait(std::chrono::hours(1));
  co_await exchange.write("late");
  co_await exchange.finish_stream();
}

TEST(Shutdown, DrainLetsARunningHandlerFinish) {
  Exchange* exchange = nullptr;
  Gauge begun;
  ServerOptions options = test_options();
  options.shards = 1;
  TestServer test(
      options, {{.method = "GET", .path = "/late", .handler = [&](Exchange& e) {
                   return answer_when_woken(e, &exchange, &begun);
                 }}});
  Client client = test.connect();
  client.send(get("/late") + get("/echo"));
  ASSERT_TRUE(begun.wait_for(1));
  EXPECT_FALSE(test.server.drain(Clock::now()));
  test.server.post(0, [&] { exchange->wake(); });
  EXPECT_EQ(client.read_answer().body, "late");
  EXPECT_TRUE(client.at_end()); // the second request is not begun
  client.close();
  EXPECT_TRUE(test.server.drain(Clock::now() + Gauge::kLimit));
}

TEST(Shutdown, InTheMiddleOfEverything) {
  for (int round = 0; round < 5; ++round) {
    TestServer test;
    std::vector<Client> clients;
    const auto add = [&](const std::string& bytes) {
      clients.push_back(test.connect());
      clients.back().send(bytes);
    };
    for (int i = 0; i < 4; ++i) {
      add("");
      add("GET /ech");
      add("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
      add(get("/echo"));
      add(get("/endless"));
      add(get("/hang-stream"));
      add(post("/hang", "{}") + get("/echo"));
      add(get("/missing", "Connection: close\r\n"));
    }
    ASSERT_TRUE(test.probe.begun.wait_for(12));
    EXPECT_FALSE(test.server.drain(Clock::now()));
    test.server.stop();
    EXPECT_EQ(test.probe.live.value(), 0);
    EXPECT_EQ(test.probe.gone.value(), 12);
    EXPECT_EQ(test.server.connections(), 0);
    for (Client& client : clients) {
      client.read_until("never said");
      EXPECT_TRUE(client.at_end());
    }
  }
}

TEST(Shutdown, AServerThatNeverStartedStops) {
  Server server(test_options(), failure_body);
  server.post(0, [] {});
  server.stop();
  server.stop();
}

} // namespace
} // namespace parallm::http::testing
