#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "http/api_keys.h"

namespace parallm::http {

// Constant once the server is built.
struct ServerOptions {
  std::string host = "127.0.0.1"; // or a name, or "unix:PATH"
  int port = 8000;                // 0: any free one
  int shards = 2;                 // io threads
  int max_connections = 4096;     // beyond: 503
  uint64_t max_body_bytes = 32 << 20;
  // Of all requests together, from their first byte to the end of their answer;
  // beyond: 503. One alone passes whatever its size.
  uint64_t max_bodies_bytes = 1 << 30;
  size_t max_head_bytes = 32 << 10;
  // Read ahead while a handler runs; beyond: the client counts as lost.
  size_t max_pipelined_bytes = 64 << 10;
  std::chrono::milliseconds head_timeout{10'000};
  // For every MiB of a body, so that a trickle ends and a long upload may not.
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds idle_timeout{75'000};  // between two requests
  std::chrono::milliseconds write_timeout{60'000}; // without any progress
  // How long a connection we close waits for the client to read its answer.
  std::chrono::milliseconds linger_timeout{2'000};
  std::string tls_cert_file{}; // PEM chain; with tls_key_file: HTTPS
  std::string tls_key_file{};
  std::vector<std::string> cors_origins{}; // "*": any, without credentials
  // Answer headers that scripts of those origins may read.
  std::vector<std::string> cors_exposed{"x-request-id", "retry-after"};
  std::vector<ApiKey> api_keys{}; // none: every route is open
  std::string server_name = "parallm";
};

} // namespace parallm::http
