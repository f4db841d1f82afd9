#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "http/exchange.h"

// Plain values and functions without state: any thread.
namespace parallm::http {

// Called on every shard, on several at once.
using Handler = std::function<Task<>(Exchange&)>;

enum class Access : uint8_t { kOpen, kUser, kAdmin };

// Constant once the server has it.
struct Route {
  std::string method{}; // GET routes answer HEAD too
  std::string path{};   // exact; or ends in "/*", whose match is Request::rest
  Access access = Access::kUser;
  Handler handler{};
  // Media types of a request body; a request without Content-Type passes.
  std::vector<std::string> content_types{"application/json"};
  uint64_t max_body_bytes = 0; // 0: that of the server
};

// How a refusal of http/ itself (404, 405, 408, 413, 415, 431, 401, 503 ...)
// is written; api/ hands in the wire format. Of a request that could not be
// read, only that much is there.
struct Failure {
  int status = 0;
  std::string code{};
  std::string message{};
};
using FailureBody = std::function<Response(const Failure&, const Request&)>;

} // namespace parallm::http
