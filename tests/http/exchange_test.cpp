#include <gtest/gtest.h>

#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

// Hands the exchange of a waiting handler to the test.
struct Meeting {
  Exchange* exchange = nullptr;
  Gauge begun{};
  std::vector<Woken> woken{};
};

Task<> wait_thrice(Exchange& exchange, Meeting* meeting) {
  meeting->exchange = &exchange;
  meeting->begun.add(1);
  for (int i = 0; i < 3; ++i) {
    meeting->woken.push_back(co_await exchange.wait(std::chrono::hours(1)));
    meeting->begun.add(1);
  }
  co_await exchange.send(text(""));
}

Task<> wake_then_wait(Exchange& exchange, Meeting* meeting) {
  exchange.wake();
  exchange.wake();
  meeting->woken.push_back(co_await exchange.wait(std::chrono::hours(1)));
  meeting->woken.push_back(
      co_await exchange.wait(std::chrono::milliseconds(1)));
  meeting->woken.push_back(co_await exchange.wait(std::chrono::hours(0)));
  co_await exchange.send(text(""));
}

Task<> wait_for_ever(Exchange& exchange, Meeting* meeting) {
  meeting->begun.add(1);
  while (true) {
    meeting->woken.push_back(
        co_await exchange.wait(std::chrono::milliseconds::max()));
  }
}

Route meet(Meeting& meeting, Task<> (*run)(Exchange&, Meeting*)) {
  return {
      .method = "GET",
      .path = "/meet",
      .handler = [&meeting, run](Exchange& e) { return run(e, &meeting); }};
}

ServerOptions one_shard() {
  ServerOptions options = test_options();
  options.shards = 1;
  return options;
}

TEST(Exchange, WaitEndsAtEachWake) {
  Meeting meeting;
  TestServer test(one_shard(), {meet(meeting, wait_thrice)});
  Client client = test.connect();
  client.send(get("/meet"));
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(meeting.begun.wait_for(i));
    test.server.post(0, [&] { meeting.exchange->wake(); });
  }
  EXPECT_EQ(client.read_answer().status, 200);
  EXPECT_EQ(meeting.woken, std::vector<Woken>(3, Woken::kByWake));
}

TEST(Exchange, RemembersOneWakeAndKeepsTheTime) {
  Meeting meeting;
  TestServer test(one_shard(), {meet(meeting, wake_then_wait)});
  EXPECT_EQ(test.ask(get("/meet")).status, 200);
  EXPECT_EQ(
      meeting.woken,
      (std::vector<Woken>{Woken::kByWake, Woken::kByTime, Woken::kByTime}));
}

TEST(Exchange, AWakeOfTheLastRequestIsForgotten) {
  Meeting meeting;
  std::vector<Route> more{
      {.method = "GET",
       .path = "/wake",
       .handler =
           [](Exchange& e) {
             e.wake();
             return e.send({});
           }},
      {.method = "GET", .path = "/meet", .handler = [&](Exchange& e) {
         return [](Exchange& exchange, Meeting* m) -> Task<> {
           m->woken.push_back(
               co_await exchange.wait(std::chrono::milliseconds(1)));
           co_await exchange.send(text(""));
         }(e, &meeting);
       }}};
  TestServer test(one_shard(), std::move(more));
  Client client = test.connect();
  client.send(get("/wake") + get("/meet"));
  client.read_answer();
  client.read_answer();
  EXPECT_EQ(meeting.woken, std::vector<Woken>{Woken::kByTime});
}

TEST(Exchange, AHandlerThatIgnoresALostClientIsEnded) {
  Meeting meeting;
  TestServer test(one_shard(), {meet(meeting, wait_for_ever)});
  Client client = test.connect();
  client.send(get("/meet"));
  ASSERT_TRUE(meeting.begun.wait_for(1));
  client.close();
  ASSERT_TRUE(test.probe.reports.wait_for(1));
  EXPECT_EQ(test.probe.taken()[0].status, 499);
  EXPECT_EQ(meeting.woken.back(), Woken::kByClose);
}

TEST(Exchange, SendsALargeAnswerToAClientThatReadsLate) {
  std::string large(8 << 20, 'l');
  for (size_t i = 0; i < large.size(); i += 4096) {
    large[i] = static_cast<char>('a' + i / 4096 % 26);
  }
  std::vector<Route> more{
      {.method = "GET", .path = "/large", .handler = [&](Exchange& e) {
         return e.send({.body = large});
       }}};
  TestServer test(one_shard(), std::move(more));
  Client slow = test.connect();
  slow.send(get("/large"));
  EXPECT_EQ(test.ask(get("/echo")).status, 200); // the shard goes on
  EXPECT_EQ(slow.read_answer().body, large);
}

TEST(Exchange, AStreamWaitsForASlowReaderWhileOthersGoOn) {
  TestServer test(one_shard());
  Client slow = test.connect();
  slow.shrink_receive_buffer();
  slow.send(get("/endless"));
  ASSERT_TRUE(test.probe.begun.wait_for(1));
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(test.ask(get("/echo")).status, 200);
  }
  slow.read_head();
  EXPECT_EQ(slow.read_bytes(20'000).size(), 20'000u);
  slow.close();
  EXPECT_TRUE(test.probe.live.wait_for(0));
}

TEST(Exchange, AReaderThatStandsStillIsCutOff) {
  ServerOptions options = one_shard();
  options.write_timeout = std::chrono::milliseconds(20);
  TestServer test(options);
  Client still = test.connect();
  still.send(get("/endless"));
  ASSERT_TRUE(test.probe.begun.wait_for(1));
  EXPECT_TRUE(test.probe.live.wait_for(0));
  EXPECT_TRUE(test.probe.reports.wait_for(1));
  EXPECT_EQ(test.probe.taken()[0].status, 499);
}

TEST(Exchange, WritesOneChunkPerWrite) {
  TestServer test(one_shard());
  Client client = test.connect();
  client.send(get("/stream"));
  client.read_head();
  EXPECT_EQ(
      client.read_until("0\r\n\r\n"),
      "9\r\ndata: 0\n\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n"
      "0\r\n\r\n");
}

} // namespace
} // namespace parallm::http::testing
