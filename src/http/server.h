#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "http/route.h"
#include "http/server_options.h"
#include "http/site.h"

namespace parallm::http {

// Sockets, threads and routes. Main thread only, but for post() and
// connections(). Order: build, set_routes, start, drain, stop.
class Server {
 public:
  Server(ServerOptions options, FailureBody failure_body);
  ~Server(); // stops

  // Before start(). The shards exist already: what is posted to them waits.
  void set_routes(std::vector<Route> routes);
  void on_response(ResponseHook hook);

  // Binds, listens, starts one thread per shard. Throws StartError.
  void start();
  int port() const; // after start(); 0 for a Unix socket
  int shards() const;
  int connections() const;

  // Any thread. Runs `work`, which must not throw or block, on that shard;
  // never after stop().
  void post(int shard, std::function<void()> work);

  // New connections are refused from here on; those that exist go on.
  void stop_accepting();
  // Besides, idle connections close, and the others after their present
  // request. Blocks until the last has gone (true) or until the deadline.
  bool drain(std::chrono::steady_clock::time_point deadline);
  // Closes whatever is left, and returns when every handler has.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace parallm::http
