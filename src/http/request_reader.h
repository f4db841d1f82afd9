#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/exchange.h"
#include "http/route.h"

namespace parallm::http {

// What the first part of a request says, before its body.
struct RequestHead {
  std::string method{};
  std::string target{}; // raw
  Headers headers{};    // lower-case names
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool has_body = false;
  std::optional<uint64_t> content_length{};
};

// Bytes -> one request after the other. No socket, no clock; one thread.
class RequestReader {
 public:
  enum class Progress : uint8_t { kNeedMore, kReady, kFailed };

  explicit RequestReader(size_t max_head_bytes);
  ~RequestReader();

  // What has arrived; may hold parts of several requests.
  void feed(std::string_view bytes);

  // As far as the bytes allow. First the head; then, once, what shall become
  // of the body; then the body, which leaves the reader at the next request.
  Progress read_head();
  void limit_body(uint64_t max_bytes);
  void discard_body(uint64_t max_bytes);
  Progress read_body();

  const RequestHead& head() const { return head_; }
  std::string take_body() { return std::exchange(body_, {}); }
  // In memory of the present body: 0 before it, and once it is taken.
  uint64_t body_bytes() const;
  // Frees it. The connection cannot go on.
  void drop_body();
  // After kFailed: what to answer. The connection cannot go on.
  const Failure& failure() const { return failure_; }
  // Fed and not yet used.
  size_t pending_bytes() const { return pending_.size() - used_; }

 private:
  struct Parser;

  void skip_blank_lines();
  void consume(size_t bytes);
  Progress fail(Failure failure);
  Progress head_failed(const std::string& reason);
  Progress finish_head();
  void copy_head();
  std::optional<Failure> head_problem() const;

  size_t max_head_bytes_;
  std::string pending_{};
  size_t used_ = 0;       // bytes of pending_
  size_t head_bytes_ = 0; // of the present request
  std::unique_ptr<Parser> parser_;
  RequestHead head_{};
  std::string body_{};
  Failure failure_{};
};

} // namespace parallm::http
