#pragma once

#include <functional>
#include <string>

#include "http/cors.h"
#include "http/route.h"
#include "http/router.h"
#include "http/server_options.h"

namespace parallm::http {

// One request and how it was answered.
struct ResponseRecord {
  const Request& request;
  std::string route{}; // the pattern; "" if none matched
  int status = 0;      // 499: the client went away
  double ms = 0;       // since the complete head
  std::string note{};  // what the handler has to add
};

// After each answer, on its shard.
using ResponseHook = std::function<void(const ResponseRecord&)>;

// What all connections of a server go by. Constant once it has started, then
// read on any thread.
struct Site {
  ServerOptions options{};
  Router router{};
  Cors cors{};
  FailureBody failure_body{};
  ResponseHook on_response{};
};

} // namespace parallm::http
