#pragma once

#include "http/exchange.h"

// On the shard of its connection.
namespace parallm::http {

// What stands behind an Exchange: a connection, or a fake in a handler's test.
// Called on its shard only; it outlives the exchange.
class Exchange::Impl {
 public:
  virtual ~Impl() = default;
  virtual const Request& request() const = 0;
  virtual int shard() const = 0;
  virtual Task<> send(Response response) = 0;
  virtual Task<bool> start_stream(Response head) = 0;
  virtual Task<bool> write(std::string bytes) = 0;
  virtual Task<> finish_stream(bool close) = 0;
  virtual Task<Woken> wait(std::chrono::milliseconds limit) = 0;
  virtual void wake() = 0;
  virtual bool client_gone() const = 0;
  virtual void drop() = 0;
  virtual void note(std::string text) = 0;
};

} // namespace parallm::http
