#pragma once

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "tests/http/client.h"
#include "tests/http/gauge.h"

namespace parallm::http::testing {

struct Reported {
  std::string route{};
  int status = 0;
};

// What handlers and tests share. Must outlive the server.
struct Probe {
  Gauge live{};    // handler frames
  Gauge begun{};   // handlers that have ever begun
  Gauge writes{};  // of /endless
  Gauge reports{}; // answers told to the hook
  Gauge gone{};    // handlers told that the client is gone

  void report(const std::string& route, int status) {
    {
      std::lock_guard lock(mutex);
      reported.push_back({route, status});
    }
    reports.add(1);
  }

  std::vector<Reported> taken() {
    std::lock_guard lock(mutex);
    return reported;
  }

  std::mutex mutex{};
  std::vector<Reported> reported{};
};

inline Response failure_body(const Failure& failure, const Request& request) {
  return {
      .status = failure.status,
      .body = failure.code + "|" + failure.message + "|" + request.path};
}

// g++ 12 destroys braced arguments of co_await twice; see http/exchange.h.
inline Response text(std::string body) {
  return {.body = std::move(body)};
}

inline Task<> echo(Exchange& exchange) {
  const Request& request = exchange.request();
  Response response{
      .body = request.method + " " + request.path + " [" + request.rest +
              "] ?" + request.query + " " + request.body};
  co_await exchange.send(std::move(response));
}

inline Task<> stream_three(Exchange& exchange, Probe* probe) {
  Counted live(probe->live);
  Response head{.content_type = "text/event-stream"};
  co_await exchange.start_stream(std::move(head));
  for (int i = 0; i < 3; ++i) {
    if (!co_await exchange.write("data: " + std::to_string(i) + "\n\n")) {
      co_return;
    }
  }
  co_await exchange.finish_stream();
}

// Writes as fast as the client reads, until it goes.
inline Task<> stream_endless(Exchange& exchange, Probe* probe) {
  Counted live(probe->live);
  probe->begun.add(1);
  bool open = co_await exchange.start_stream(text(""));
  while (open) {
    open = co_await exchange.write(std::string(16384, 'x'));
    probe->writes.add(1);
  }
  probe->gone.add(1);
}

// Says one thing, then waits to be told that the client has gone.
inline Task<> hang(Exchange& exchange, Probe* probe, bool streams) {
  Counted live(probe->live);
  if (streams) {
    co_await exchange.start_stream(text(""));
    co_await exchange.write("here");
  }
  probe->begun.add(1);
  Woken woken = Woken::kByTime;
  while (woken != Woken::kByClose) {
    woken = co_await exchange.wait(std::chrono::hours(1));
  }
  probe->gone.add(1);
}

inline Task<> fail_early(Exchange&) {
  throw std::runtime_error("before the answer");
  co_return;
}

inline Task<> fail_late(Exchange& exchange) {
  co_await exchange.start_stream(text(""));
  co_await exchange.write("begun");
  throw std::runtime_error("within the stream");
}

inline Task<> say_nothing(Exchange&) {
  co_return;
}

inline Task<> end_with_error(Exchange& exchange) {
  co_await exchange.start_stream(text(""));
  co_await exchange.write("error event");
  co_await exchange.finish_stream(true);
}

inline Task<> answer_shard(Exchange& exchange) {
  Response response{.body = std::to_string(exchange.shard())};
  co_await exchange.send(std::move(response));
}

inline Handler with(Probe& probe, Task<> (*run)(Exchange&, Probe*)) {
  return [&probe, run](Exchange& exchange) { return run(exchange, &probe); };
}

inline std::vector<Route> test_routes(Probe& probe) {
  const auto open = Access::kOpen;
  return {
      {.method = "GET", .path = "/echo", .handler = echo},
      {.method = "POST", .path = "/echo", .handler = echo},
      {.method = "GET", .path = "/items/*", .handler = echo},
      {.method = "POST",
       .path = "/upload",
       .handler = echo,
       .content_types = {"multipart/form-data"},
       .max_body_bytes = 100'000},
      {.method = "GET", .path = "/open", .access = open, .handler = echo},
      {.method = "POST",
       .path = "/admin",
       .access = Access::kAdmin,
       .handler = echo},
      {.method = "GET",
       .path = "/stream",
       .handler = with(probe, stream_three)},
      {.method = "GET",
       .path = "/endless",
       .handler = with(probe, stream_endless)},
      {.method = "POST",
       .path = "/hang",
       .handler = [&](Exchange& e) { return hang(e, &probe, false); }},
      {.method = "GET",
       .path = "/hang-stream",
       .handler = [&](Exchange& e) { return hang(e, &probe, true); }},
      {.method = "GET", .path = "/fail-early", .handler = fail_early},
      {.method = "GET", .path = "/fail-late", .handler = fail_late},
      {.method = "GET", .path = "/nothing", .handler = say_nothing},
      {.method = "GET", .path = "/error-event", .handler = end_with_error},
      {.method = "GET", .path = "/shard", .handler = answer_shard},
  };
}

// Limits that no test meets by accident, and no test waits for.
inline ServerOptions test_options() {
  ServerOptions options;
  options.port = 0;
  options.max_body_bytes = 1 << 20;
  options.head_timeout = std::chrono::minutes(1);
  options.linger_timeout = std::chrono::seconds(1);
  return options;
}

class TestServer {
 public:
  explicit TestServer(
      ServerOptions options = test_options(), std::vector<Route> more = {})
      : server(std::move(options), failure_body) {
    std::vector<Route> routes = test_routes(probe);
    for (Route& route : more) {
      routes.push_back(std::move(route));
    }
    server.set_routes(std::move(routes));
    server.on_response([this](const ResponseRecord& record) {
      probe.report(record.route, record.status);
    });
    server.start();
  }

  Client connect() { return Client::to_port(server.port()); }

  // One request on a connection of its own.
  Answer ask(const std::string& request) {
    Client client = connect();
    client.send(request);
    return client.read_answer(request.starts_with("HEAD"));
  }

  Probe probe{}; // outlives the server
  Server server;
};

} // namespace parallm::http::testing
