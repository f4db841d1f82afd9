#include "http/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/core/demangle.hpp>
#include <typeinfo>

#include "base/check.h"
#include "base/log.h"
#include "http/request_id.h"
#include "http/response_head.h"

namespace parallm::http {

namespace asio = boost::asio;

namespace {

constexpr size_t kSmallRead = 4 << 10;
constexpr size_t kLargeRead = 64 << 10; // bodies
constexpr uint64_t kBytesPerBodyTimeout = 1 << 20;
constexpr std::chrono::milliseconds kLongestSleep = std::chrono::hours(24);

asio::const_buffer view(std::string_view text) {
  return {text.data(), text.size()};
}

// What is left of the pieces behind the first `sent` bytes.
std::string rest_of(const Transport::Pieces& pieces, size_t sent) {
  std::string rest;
  rest.reserve(asio::buffer_size(pieces) - sent);
  for (const auto& piece : pieces) {
    const size_t skip = std::min(sent, piece.size());
    sent -= skip;
    rest.append(
        static_cast<const char*>(piece.data()) + skip, piece.size() - skip);
  }
  return rest;
}

Failure too_slow(const std::string& part) {
  return {408, "request_timeout", "The request " + part + " took too long"};
}

Failure no_room_for_body() {
  return {
      503, "overloaded",
      "The bodies of other requests leave no room for this one"};
}

// Texts of foreign exceptions may quote the client, so only their type shows.
std::string describe(const std::exception& error) {
  const auto* ours = dynamic_cast<const CheckFailed*>(&error);
  return ours != nullptr ? ours->what()
                         : boost::core::demangle(typeid(error).name());
}

} // namespace

Connection::Connection(
    const Home& home, Socket socket, asio::ssl::context* tls, Entry entry)
    : home_(home),
      transport_(std::move(socket), tls),
      alarm_(transport_.executor()),
      entry_(entry),
      reader_(home.site.options.max_head_bytes),
      body_permit_(home.bodies) {
}

// ---- The life of a connection

Task<> Connection::live(std::shared_ptr<Connection> self) {
  try {
    co_await self->serve();
  } catch (const std::exception& error) {
    log::error("connection ended by {}", describe(error));
  } catch (...) {
    log::error("connection ended by a foreign exception");
  }
  self->lose();
}

Task<> Connection::serve() {
  if (!co_await handshake()) {
    co_return;
  }
  if (entry_ == Entry::kTurnAway) {
    begin_request();
    const Failure full{503, "too_many_connections", "Too many connections"};
    co_await send_last(failure_answer(full));
  } else {
    while (co_await serve_one()) {
    }
  }
  co_await linger();
}

Task<bool> Connection::handshake() {
  guard(home_.site.options.head_timeout);
  const Transport::Error error = co_await transport_.handshake();
  release();
  co_return !error && !gone_;
}

// True: the connection is fit for a further request.
Task<bool> Connection::serve_one() {
  begin_request();
  if (!co_await read_head()) {
    co_return false;
  }
  Verdict verdict = judge(home_.site, reader_.head());
  request_ = std::move(verdict.request);
  body_wanted_ = request_.method != "HEAD";
  keep_alive_ = reader_.head().keep_alive && !verdict.close;
  const bool refused = verdict.answer.has_value();
  const bool uninvited =
      reader_.head().expects_continue && reader_.pending_bytes() == 0;
  if (refused && (verdict.close || uninvited)) {
    co_await send_last(std::move(*verdict.answer));
    co_return false;
  }
  if (refused) {
    reader_.discard_body(verdict.max_body_bytes);
  } else {
    reader_.limit_body(verdict.max_body_bytes);
  }
  if (!co_await read_body()) {
    co_return false;
  }
  co_await answer(std::move(verdict));
  co_return keep_alive_ && !gone_;
}

void Connection::begin_request() {
  std::string().swap(request_.body); // to assign "" keeps its memory
  body_permit_.release();
  request_ = {};
  answer_ = Answer::kNone;
  status_ = 0;
  keep_alive_ = true;
  chunked_ = false;
  body_wanted_ = true;
  woken_ = false;
  note_.clear();
  waits_after_end_ = 0;
  began_ = Clock::now();
}

// ---- Reading a request

Task<bool> Connection::await_request() {
  if (reader_.pending_bytes() > 0) {
    co_return true;
  }
  idle_ = true;
  const bool came =
      co_await fill(Clock::now() + home_.site.options.idle_timeout);
  idle_ = false;
  if (!came) {
    lose();
  }
  co_return came;
}

Task<bool> Connection::read_head() {
  if (home_.draining || !co_await await_request()) {
    co_return false;
  }
  began_ = Clock::now();
  const auto deadline = began_ + home_.site.options.head_timeout;
  while (true) {
    switch (reader_.read_head()) {
      case RequestReader::Progress::kReady:
        began_ = Clock::now();
        co_return true;
      case RequestReader::Progress::kFailed:
        co_await fail(reader_.failure());
        co_return false;
      case RequestReader::Progress::kNeedMore:
        break;
    }
    if (!co_await fill(deadline)) {
      co_await fail(too_slow("head"));
      co_return false;
    }
  }
}

Task<bool> Connection::read_body() {
  const auto limit = home_.site.options.body_timeout;
  auto deadline = Clock::now() + limit;
  uint64_t extend_at = kBytesPerBodyTimeout;
  body_bytes_read_ = 0;
  if (!co_await invite_body()) {
    co_return false;
  }
  while (true) {
    const RequestReader::Progress progress = reader_.read_body();
    if (auto problem = body_problem(progress)) {
      co_await fail(std::move(*problem));
      co_return false;
    }
    if (progress == RequestReader::Progress::kReady) {
      request_.body = reader_.take_body();
      co_return true;
    }
    if (!co_await fill(deadline)) {
      co_await fail(too_slow("body"));
      co_return false;
    }
    if (body_bytes_read_ >= extend_at) {
      extend_at = body_bytes_read_ + kBytesPerBodyTimeout;
      deadline = Clock::now() + limit;
    }
  }
}

// Why the connection must give up on the body of which this much has come.
std::optional<Failure> Connection::body_problem(
    RequestReader::Progress progress) {
  if (progress == RequestReader::Progress::kFailed) {
    return reader_.failure();
  }
  if (!body_permit_.grow_to(reader_.body_bytes())) {
    return no_room_for_body();
  }
  return {};
}

// A client that asked whether to send its body is told so.
Task<bool> Connection::invite_body() {
  const RequestHead& head = reader_.head();
  if (!head.expects_continue || !head.has_body || reader_.pending_bytes() > 0) {
    co_return true;
  }
  Transport::Pieces pieces{view("HTTP/1.1 100 Continue\r\n\r\n")};
  co_return co_await put(pieces);
}

// False: the deadline has passed, or the client is gone.
Task<bool> Connection::fill(Clock::time_point deadline) {
  fed_ = false;
  start_read();
  while (!fed_ && !gone_ && Clock::now() < deadline) {
    co_await sleep_until(deadline);
  }
  co_return fed_ && !gone_;
}

void Connection::start_read() {
  if (reading_ || gone_) {
    return;
  }
  const bool large = !idle_ && !answering_;
  const size_t bytes = large ? kLargeRead : kSmallRead;
  if (chunk_.size() != bytes) {
    std::vector<char>(bytes).swap(chunk_);
  }
  reading_ = true;
  transport_.read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](const Transport::Error& error, size_t n) {
        self->on_read(error, n);
      });
}

void Connection::on_read(const Transport::Error& error, size_t bytes) {
  reading_ = false;
  if (error || gone_) {
    return lose();
  }
  if (lingering_) {
    return start_read();
  }
  reader_.feed({chunk_.data(), bytes});
  body_bytes_read_ += bytes;
  fed_ = true;
  if (answering_) {
    // Not to read on would hide the client's end behind what is unread.
    if (reader_.pending_bytes() > home_.site.options.max_pipelined_bytes) {
      return lose();
    }
    start_read();
  }
  if (sleeping_) {
    alarm_.cancel();
  }
}

// ---- Answering

Task<> Connection::answer(Verdict verdict) {
  answering_ = true;
  start_read();
  if (verdict.answer) {
    co_await send(std::move(*verdict.answer));
  } else {
    co_await run_handler(*verdict.route);
  }
  answering_ = false;
  report(verdict.route);
}

Task<> Connection::run_handler(const Route& route) {
  Exchange exchange(*this);
  bool failed = false;
  try {
    co_await route.handler(exchange);
  } catch (const std::exception& error) {
    failed = true;
    log::error(
        "{} {} request {}: {}", route.method, route.path, request_.id,
        describe(error));
  }
  if (answer_ == Answer::kComplete) {
    co_return;
  }
  if (answer_ == Answer::kStreaming) {
    status_ = gone_ ? 499 : 500;
    lose(); // an end without the last chunk tells the client
    co_return;
  }
  if (!failed && !gone_) {
    log::error("{} {} gave no answer", route.method, route.path);
  }
  const Failure failure{500, "internal_error", "Internal error"};
  co_await send(failure_answer(failure));
}

// http/ gives up on a request that it could not read.
Task<> Connection::fail(Failure failure) {
  if (gone_) {
    co_return;
  }
  const RequestHead& head = reader_.head();
  if (request_.id.empty()) {
    request_.id = request_id_for("");
    request_.path = head.target.substr(0, head.target.find('?'));
    request_.headers = head.headers;
  }
  reader_.drop_body(); // or it would stay for as long as we linger
  body_permit_.release();
  co_await send_last(failure_answer(failure));
}

Response Connection::failure_answer(const Failure& failure) const {
  Response response = home_.site.failure_body(failure, request_);
  response.status = failure.status;
  if (failure.status == 503) {
    response.headers.emplace_back("retry-after", "1");
  }
  return response;
}

Task<> Connection::send_last(Response response) {
  keep_alive_ = false;
  co_await send(std::move(response));
  report(nullptr);
}

Task<> Connection::send(Response response) {
  PARALLM_CHECK(answer_ == Answer::kNone, "a request is answered once");
  answer_ = Answer::kComplete;
  const std::string head = head_bytes(response, false);
  const bool body = body_wanted_ && may_have_body(response.status);
  Transport::Pieces pieces{view(head)};
  if (body) {
    pieces[1] = view(response.body);
  }
  if (!co_await put(pieces)) {
    status_ = 499;
  }
}

Task<bool> Connection::start_stream(Response head) {
  PARALLM_CHECK(answer_ == Answer::kNone, "a request is answered once");
  answer_ = Answer::kStreaming;
  chunked_ = !reader_.head().http_1_0;
  keep_alive_ = keep_alive_ && chunked_;
  const std::string bytes = head_bytes(head, true);
  Transport::Pieces pieces{view(bytes)};
  co_return co_await put(pieces);
}

Task<bool> Connection::write(std::string bytes) {
  PARALLM_CHECK(answer_ == Answer::kStreaming, "write outside of a stream");
  if (bytes.empty() || !body_wanted_) {
    co_return !gone_;
  }
  char size[24];
  char* size_end = fmt::format_to(size, "{:x}\r\n", bytes.size());
  Transport::Pieces pieces{view(bytes)};
  if (chunked_) {
    const auto size_bytes = static_cast<size_t>(size_end - size);
    pieces = {view({size, size_bytes}), view(bytes), view("\r\n")};
  }
  co_return co_await put(pieces);
}

Task<> Connection::finish_stream(bool close) {
  PARALLM_CHECK(answer_ == Answer::kStreaming, "finish outside of a stream");
  answer_ = Answer::kComplete;
  keep_alive_ = keep_alive_ && !close;
  if (chunked_ && body_wanted_) {
    Transport::Pieces pieces{view("0\r\n\r\n")};
    co_await put(pieces);
  }
  status_ = gone_ ? 499 : status_;
}

std::string Connection::head_bytes(const Response& response, bool stream) {
  status_ = response.status;
  keep_alive_ = keep_alive_ && !home_.draining;
  ResponseHead head{
      .status = response.status,
      .content_type = response.content_type,
      .chunked = stream && chunked_,
      .keep_alive = keep_alive_,
      .http_1_0 = reader_.head().http_1_0};
  if (!stream && may_have_body(response.status)) {
    head.content_length = response.body.size();
  }
  if (request_.id.empty()) {
    request_.id = request_id_for("");
  }
  const Headers own{
      {"server", home_.site.options.server_name},
      {"x-request-id", request_.id}};
  const Headers cors = home_.site.cors.answer_headers(request_.headers);
  return write_head(head, {&own, &cors, &response.headers});
}

void Connection::report(const Route* route) {
  if (!home_.site.on_response) {
    return;
  }
  const std::chrono::duration<double, std::milli> took = Clock::now() - began_;
  home_.site.on_response(
      {.request = request_,
       .route = route == nullptr ? "" : route->path,
       .status = status_,
       .ms = took.count(),
       .note = std::move(note_)});
}

// ---- Writing

Task<bool> Connection::put(Transport::Pieces pieces) {
  if (gone_) {
    co_return false;
  }
  Transport::Error error;
  const size_t sent = transport_.write_now(pieces, error);
  if (error) {
    lose();
    co_return false;
  }
  if (sent == asio::buffer_size(pieces)) {
    co_return true;
  }
  co_return co_await push(rest_of(pieces, sent));
}

// The slow way: the kernel is full, or there is TLS.
Task<bool> Connection::push(std::string bytes) {
  std::string_view left = bytes;
  while (!left.empty() && !gone_) {
    Transport::Error error;
    guard(home_.site.options.write_timeout);
    left.remove_prefix(co_await transport_.write_some(left, error));
    release();
    if (error) {
      lose();
    }
  }
  co_return !gone_;
}

// ---- Waiting

Task<Woken> Connection::wait(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + std::min(limit, kLongestSleep);
  while (!gone_ && !woken_) {
    if (Clock::now() >= deadline) {
      co_return Woken::kByTime;
    }
    co_await sleep_until(deadline);
  }
  if (gone_) {
    // A handler that does not listen would hold up its whole shard.
    PARALLM_CHECK(++waits_after_end_ < 100, "waiting for a lost client");
    co_return Woken::kByClose;
  }
  woken_ = false;
  co_return Woken::kByWake;
}

void Connection::wake() {
  if (!woken_ && sleeping_) {
    alarm_.cancel();
  }
  woken_ = true;
}

Task<> Connection::sleep_until(Clock::time_point deadline) {
  Transport::Error ignored;
  sleeping_ = true;
  alarm_.expires_at(deadline);
  co_await alarm_.async_wait(
      asio::redirect_error(asio::use_awaitable, ignored));
  sleeping_ = false;
}

void Connection::guard(std::chrono::milliseconds limit) {
  alarm_.expires_after(limit);
  alarm_.async_wait([self = shared_from_this(),
                     round = ++guard_round_](const Transport::Error& error) {
    if (!error && self->guard_round_ == round) {
      self->lose();
    }
  });
}

void Connection::release() {
  ++guard_round_;
  alarm_.cancel();
}

// ---- Ending

void Connection::close_if_idle() {
  if (idle_) {
    lose();
  }
}

void Connection::lose() {
  if (gone_) {
    return;
  }
  gone_ = true;
  transport_.close();
  if (sleeping_) {
    alarm_.cancel();
  }
}

// Closing at once could throw away an answer that the client has not read: the
// kernel resets a connection that is closed with unread input.
Task<> Connection::linger() {
  if (gone_) {
    co_return;
  }
  lingering_ = true;
  transport_.end_writes([self = shared_from_this()](auto) {});
  start_read();
  const auto deadline = Clock::now() + home_.site.options.linger_timeout;
  while (!gone_ && Clock::now() < deadline) {
    co_await sleep_until(deadline);
  }
}

} // namespace parallm::http
