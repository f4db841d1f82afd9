#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "config/server_config.h"
#include "core/status.h"

namespace parallm {

// The whole server in one object: checkpoint, engine, delivery, API, sockets.
// Main thread only.
//
//   Runtime runtime(config);   // reads and plans, then loads; blocks
//   runtime.listen();          // requests come in from here on
//   runtime.stop(limit);       // drains, then ends
class Runtime {
 public:
  // Throws StartError: one line and the exit code (docs/API.md, section 15).
  explicit Runtime(const ServerConfig& config);
  ~Runtime(); // ends at once

  void listen();               // throws StartError if it cannot
  std::string address() const; // "http://127.0.0.1:8000" or "unix:PATH"
  int port() const;            // 0 for a Unix socket

  // False once the engine has given up; then only stopping helps.
  bool healthy() const;

  // No new requests; those that run may finish within the limit, the rest is
  // cancelled. Everything has ended when it returns. True if none was cut off.
  bool stop(std::chrono::milliseconds limit);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

} // namespace parallm
