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
//   Runtime runtime(config);   // reads, plans, listens, begins to load
//   runtime.wait_loaded();     // until then requests are told 503, loading
//   runtime.stop(limit);       // drains, then ends
class Runtime {
 public:
  // Throws StartError: one line and the exit code (docs/API.md, section 15).
  // What can be told before the weights are read is told here: bad settings,
  // a bad checkpoint, a taken address.
  explicit Runtime(const ServerConfig& config);
  ~Runtime(); // ends at once

  // Blocks; throws StartError if the weights cannot be loaded. Once.
  void wait_loaded();
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
