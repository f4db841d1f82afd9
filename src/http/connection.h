#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/body_budget.h"
#include "http/exchange_impl.h"
#include "http/gate.h"
#include "http/request_reader.h"
#include "http/site.h"
#include "http/transport.h"

// On the shard of its connection.
namespace parallm::http {

// What a connection knows of its shard.
struct Home {
  int shard = 0;
  const Site& site;
  BodyBudget& bodies;
  bool draining = false; // no further request after the present one
};

enum class Entry : uint8_t { kServe, kTurnAway };

// One socket and the coroutine that serves it, one request after the other.
// Its shard only. While a handler runs, a read stays armed: end of file is how
// a lost client shows, and what arrives early is kept for the next request.
// Who sends more than is kept counts as lost.
class Connection final : public Exchange::Impl,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(
      const Home& home,
      Socket socket,
      boost::asio::ssl::context* tls,
      Entry entry);

  static Task<> live(std::shared_ptr<Connection> self);
  void close_if_idle();
  // The client is gone, or shall be. Every wait ends at once.
  void lose();

  const Request& request() const override { return request_; }
  int shard() const override { return home_.shard; }
  Task<> send(Response response) override;
  Task<bool> start_stream(Response head) override;
  Task<bool> write(std::string bytes) override;
  Task<> finish_stream(bool close) override;
  Task<Woken> wait(std::chrono::milliseconds limit) override;
  void wake() override;
  bool client_gone() const override { return gone_; }
  void drop() override { lose(); }
  void note(std::string text) override { note_ = std::move(text); }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Answer : uint8_t { kNone, kStreaming, kComplete };

  Task<> serve();
  Task<bool> handshake();
  Task<bool> serve_one();
  Task<bool> read_head();
  Task<bool> await_request();
  Task<bool> read_body();
  Task<bool> invite_body();
  std::optional<Failure> body_problem(RequestReader::Progress progress);
  Task<> answer(Verdict verdict);
  Task<> run_handler(const Route& route);
  Task<> fail(Failure failure);
  Task<> send_last(Response response);
  Task<> linger();

  Task<bool> fill(Clock::time_point deadline);
  Task<> sleep_until(Clock::time_point deadline);
  void start_read();
  void on_read(const Transport::Error& error, size_t bytes);
  Task<bool> put(Transport::Pieces pieces);
  Task<bool> push(std::string bytes);
  // lose(), unless release() comes in time.
  void guard(std::chrono::milliseconds limit);
  void release();

  void begin_request();
  Response failure_answer(const Failure& failure) const;
  std::string head_bytes(const Response& response, bool stream);
  void report(const Route* route);

  const Home& home_;
  Transport transport_;
  boost::asio::steady_timer alarm_;
  const Entry entry_;
  RequestReader reader_;
  std::vector<char> chunk_{}; // where a read lands
  uint64_t guard_round_ = 0;
  uint64_t body_bytes_read_ = 0;

  // Of the connection.
  bool gone_ = false;
  bool idle_ = false;      // waits for the first byte of a request
  bool reading_ = false;   // a read is under way
  bool fed_ = false;       // bytes have come since fill() began
  bool sleeping_ = false;  // the coroutine waits on alarm_
  bool lingering_ = false; // what comes is thrown away

  // Of the present request.
  Request request_{};
  BodyPermit body_permit_; // as long as any of the body is in memory
  Answer answer_ = Answer::kNone;
  int status_ = 0;
  bool answering_ = false;
  bool keep_alive_ = false;
  bool chunked_ = false;
  bool body_wanted_ = true; // false for HEAD
  bool woken_ = false;
  int waits_after_end_ = 0;
  Clock::time_point began_{};
  std::string note_{};
};

} // namespace parallm::http
