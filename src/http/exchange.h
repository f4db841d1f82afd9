#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "http/headers.h"
#include "http/task.h"

// One request and its answer, as the handlers see it. Knows no LLM word.
// On the shard of its connection.
namespace parallm::http {

struct Request {
  std::string method{};
  std::string path{};  // decoded, without query
  std::string rest{};  // what the `*` of the route matched
  std::string query{}; // raw, without `?`
  Headers headers{};
  std::string body{};
  std::string id{}; // x-request-id, echoed or made
  // "" if absent
  std::string_view header(std::string_view lower_case_name) const;
};

struct Response {
  int status = 200;
  std::string body{};
  std::string content_type = "application/json";
  Headers headers{};
};

enum class Woken : uint8_t { kByWake, kByTime, kByClose };

// Its shard only. The handler returns when the answer is complete. Destroying
// the handler's frame is how a lost client cancels: keep what must be given
// back in the frame.
class Exchange {
 public:
  class Impl;
  explicit Exchange(Impl& impl) : impl_(impl) {}

  const Request& request() const;
  int shard() const;

  // The whole answer at once. Give it a named value or a function's result:
  // g++ 12 destroys a braced argument of co_await twice (GCC bug 104031).
  Task<> send(Response response);

  // An answer in pieces (server-sent events): head first, then any number of
  // writes, then finish. A write returns when the bytes are handed to the
  // kernel, so that what becomes ready meanwhile gathers for the next one.
  // False: the client is gone; return from the handler.
  Task<bool> start_stream(Response head);
  Task<bool> write(std::string bytes);
  // After an error event: end the body and close the connection.
  Task<> finish_stream(bool close = false);

  // Sleeps until wake(), until `limit` has passed, or until the client has
  // gone. A wake() while nobody waits is remembered.
  Task<Woken> wait(std::chrono::milliseconds limit);
  void wake();
  bool client_gone() const;
  // The client does not keep up: its connection ends here, as if it had gone.
  void drop();

  // For the record of this request: what the log shall say beside its status.
  void note(std::string text);

 private:
  Impl& impl_;
};

} // namespace parallm::http
