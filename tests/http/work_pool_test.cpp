#include "http/work_pool.h"

#include <gtest/gtest.h>

#include "base/check.h"
#include "base/thread.h"
#include "tests/http/test_server.h"

namespace parallm::http::testing {
namespace {

struct Seen {
  std::thread::id before{};
  std::thread::id within{};
  std::thread::id after{};
};

Task<> use_pool(Exchange& exchange, WorkPool* pool, Seen* seen) {
  seen->before = std::this_thread::get_id();
  const std::string query = exchange.request().query;
  auto job = [seen, query] {
    seen->within = std::this_thread::get_id();
    return query + query;
  };
  const std::string doubled = co_await pool->run(job);
  seen->after = std::this_thread::get_id();
  co_await exchange.send(text(doubled));
}

TEST(WorkPool, RunsElsewhereAndComesBackToTheShard) {
  WorkPool pool(2);
  Seen seen;
  TestServer test(
      test_options(),
      {{.method = "GET", .path = "/pool", .handler = [&](Exchange& e) {
          return use_pool(e, &pool, &seen);
        }}});
  EXPECT_EQ(test.ask(get("/pool?ab")).body, "abab");
  EXPECT_EQ(seen.before, seen.after);
  EXPECT_NE(seen.before, seen.within);
}

Task<> use_failing(Exchange& exchange, WorkPool* pool) {
  std::string caught = "nothing";
  try {
    co_await pool->run([] { throw std::runtime_error("from the pool"); });
  } catch (const std::runtime_error& error) {
    caught = error.what();
  }
  co_await exchange.send(text(caught));
}

TEST(WorkPool, RethrowsInTheCaller) {
  WorkPool pool(1);
  TestServer test(
      test_options(),
      {{.method = "GET", .path = "/pool", .handler = [&](Exchange& e) {
          return use_failing(e, &pool);
        }}});
  EXPECT_EQ(test.ask(get("/pool")).body, "from the pool");
}

Task<> use_movable(Exchange& exchange, WorkPool* pool) {
  auto in = std::make_unique<int>(20);
  auto job = [in = std::move(in)] { return std::make_unique<int>(*in + 1); };
  const std::unique_ptr<int> out = co_await pool->run(job);
  co_await exchange.send(text(std::to_string(*out)));
}

TEST(WorkPool, CarriesWhatCanOnlyBeMoved) {
  WorkPool pool(1);
  TestServer test(
      test_options(),
      {{.method = "GET", .path = "/pool", .handler = [&](Exchange& e) {
          return use_movable(e, &pool);
        }}});
  EXPECT_EQ(test.ask(get("/pool")).body, "21");
}

TEST(WorkPool, RefusesAfterItsStop) {
  WorkPool pool(1);
  TestServer test(
      test_options(),
      {{.method = "GET", .path = "/pool", .handler = [&](Exchange& e) {
          return use_movable(e, &pool);
        }}});
  pool.stop();
  EXPECT_EQ(test.ask(get("/pool")).status, 500);
}

// The job waits for the test, so that the server stops while it runs.
struct Gate {
  Gauge entered{};
  Gauge opened{};
};

Task<> use_gate(Exchange& exchange, WorkPool* pool, Gate* gate, Probe* probe) {
  Counted live(probe->live);
  co_await pool->run([gate] {
    gate->entered.add(1);
    gate->opened.wait_for(1);
  });
  co_await exchange.send(text(""));
}

TEST(WorkPool, TheServersStopWaitsForARunningJob) {
  WorkPool pool(1);
  Gate gate;
  Probe probe;
  TestServer test(
      test_options(),
      {{.method = "GET", .path = "/pool", .handler = [&](Exchange& e) {
          return use_gate(e, &pool, &gate, &probe);
        }}});
  Client first = test.connect();
  Client second = test.connect();
  first.send(get("/pool"));
  second.send(get("/pool"));
  ASSERT_TRUE(gate.entered.wait_for(1));
  ASSERT_TRUE(probe.live.wait_for(2));
  {
    Thread stopper([&] { test.server.stop(); });
    EXPECT_TRUE(first.at_end());
    EXPECT_TRUE(second.at_end());
    EXPECT_EQ(probe.live.value(), 2); // still with the pool
    gate.opened.add(1);
  }
  EXPECT_EQ(probe.live.value(), 0);
}

TEST(WorkPool, ServesManyCallersAtOnce) {
  WorkPool pool(3);
  Seen ignored[8];
  std::vector<Route> routes;
  for (int i = 0; i < 8; ++i) {
    routes.push_back(
        {.method = "GET",
         .path = "/pool" + std::to_string(i),
         .handler = [&pool, seen = &ignored[i]](Exchange& e) {
           return use_pool(e, &pool, seen);
         }});
  }
  TestServer test(test_options(), std::move(routes));
  std::vector<Client> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(test.connect());
    std::string requests;
    for (int n = 0; n < 50; ++n) {
      requests += get("/pool" + std::to_string(i) + "?" + std::to_string(n));
    }
    clients.back().send(requests);
  }
  for (Client& client : clients) {
    for (int n = 0; n < 50; ++n) {
      const std::string once = std::to_string(n);
      ASSERT_EQ(client.read_answer().body, once + once);
    }
  }
}

} // namespace
} // namespace parallm::http::testing
