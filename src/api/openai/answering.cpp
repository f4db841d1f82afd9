#include "api/openai/answering.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/headers.h"
#include "api/openai/errors.h"

namespace parallm::openai {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kLongWait{3'600'000};

// When to look up although nothing has come.
class Alarms {
 public:
  Alarms(std::optional<milliseconds> timeout, milliseconds keepalive)
      : deadline_(timeout ? Clock::now() + *timeout : Clock::time_point::max()),
        keepalive_(keepalive),
        written_(Clock::now()) {}

  bool expired() const { return Clock::now() >= deadline_; }
  bool silent() const { return Clock::now() >= written_ + keepalive_; }
  void note_write() { written_ = Clock::now(); }

  // The deadline has passed, and what is cancelled has this long to end.
  void postpone(milliseconds limit) { deadline_ = Clock::now() + limit; }

  milliseconds until_deadline() const { return until(deadline_); }
  milliseconds until_next() const {
    return std::min(until(deadline_), until(written_ + keepalive_));
  }

 private:
  static milliseconds until(Clock::time_point when) {
    const auto now = Clock::now();
    if (when >= now + kLongWait) {
      return kLongWait;
    }
    const auto left = std::chrono::ceil<milliseconds>(when - now);
    return std::max(left, milliseconds{1});
  }

  Clock::time_point deadline_;
  milliseconds keepalive_;
  Clock::time_point written_;
};

// g++ 12 goes astray when co_await stands in a condition together with
// arguments that need a destructor: results are named first.

// One admitted request on its way out.
struct Running {
  Running(
      Prepared prepared,
      const Dialect& dialect,
      const Service& service,
      Alarms alarms)
      : spec(std::move(prepared.spec)),
        app(service.app),
        answer(spec, *app.tokenizer),
        writer(dialect, app, answer),
        alarms(alarms) {}
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  const AnswerSpec spec;
  const AppContext& app;
  Answer answer;
  Writer writer;
  Alarms alarms;
  std::unique_ptr<Reply> reply{}; // last: it cancels what has not ended
};

http::Headers answer_headers(const Running& running) {
  http::Headers headers{
      {"x-parallm-weight-version", running.app.card.weight_version}};
  add_inert_header(running.spec.inert, headers);
  return headers;
}

// Takes what is ready into the answer. False: nothing was.
bool take(Running& running) {
  auto deltas = running.reply->take();
  const bool some = !deltas.empty();
  running.answer.add(deltas);
  running.reply->reuse(std::move(deltas));
  return some;
}

// Until something may be ready, or `limit`. False: the client has gone.
http::Task<bool> wait_for_news(
    http::Exchange& exchange, Running& running, milliseconds limit) {
  running.reply->wake_once([&exchange] { exchange.wake(); });
  const auto woken = co_await exchange.wait(limit);
  co_return woken != http::Woken::kByClose;
}

std::optional<ApiError> failure(const Running& running) {
  switch (running.answer.failed()) {
    case Failed::kNo:
      return {};
    case Failed::kUnsatisfiable:
      return unsatisfiable_error();
    case Failed::kEngine:
      return engine_error();
    case Failed::kShutdown:
    case Failed::kOverflow:
      break;
  }
  return shutdown_error();
}

// At the deadline the reply is cancelled, so that the text held back and the
// figures come with its ends. An engine that stands still is not waited for.
void end_in_time(Running& running) {
  constexpr milliseconds kLastWords{1000};
  if (running.answer.done() || !running.alarms.expired()) {
    return;
  }
  if (running.answer.expired()) {
    running.answer.give_up();
  } else {
    running.answer.expire();
    running.reply->cancel();
    running.alarms.postpone(kLastWords);
  }
}

// What has gone wrong, if anything. The deadline is an error before the first
// token, an end after it.
std::optional<ApiError> check(Running& running) {
  end_in_time(running);
  auto error = failure(running);
  const auto& answer = running.answer;
  const bool in_vain =
      answer.done() && answer.expired() && !answer.has_tokens();
  return !error && in_vain ? timeout_error() : error;
}

std::string_view reason_name(const ChoiceState& choice) {
  if (!choice.ending) {
    return "unfinished";
  }
  if (choice.ending->timed_out) {
    return "timeout";
  }
  switch (choice.ending->reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAbort:
      return "abort";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kUnsatisfiable:
      return "unsatisfiable";
    case FinishReason::kError:
      break;
  }
  return "error";
}

// For the log: figures, and what the client said of itself.
std::string note_of(const Running& running) {
  const auto usage = running.answer.usage();
  const auto& choice = running.answer.choices().front();
  std::string note = fmt::format(
      "{} prompt tokens ({} cached), {} generated, {}", usage.prompt_tokens,
      usage.cached_tokens, usage.completion_tokens, reason_name(choice));
  if (choice.ending) {
    const auto& stats = choice.ending->stats;
    note += fmt::format(
        ", queue {:.1f} ms, prefill {:.1f} ms, decode {:.1f} ms",
        stats.queue_ms, stats.prefill_ms, stats.decode_ms);
  }
  return note + running.spec.log_note;
}

// ---- whole answers ----

// Waits for the last end. False: the client has gone.
http::Task<bool> gather(
    http::Exchange& exchange,
    Running& running,
    std::optional<ApiError>& error) {
  while (true) {
    const bool news = take(running);
    error = check(running);
    if (error || running.answer.done()) {
      co_return true;
    }
    bool there = true;
    if (!news) {
      const auto limit = running.alarms.until_deadline();
      there = co_await wait_for_news(exchange, running, limit);
    }
    if (!there) {
      co_return false;
    }
  }
}

http::Response whole_response(Running& running) {
  http::Response response{.body = running.writer.whole()};
  response.headers = answer_headers(running);
  const auto& first = running.answer.choices().front();
  response.headers.emplace_back(
      "x-parallm-queue-ms",
      fmt::format("{:.1f}", first.ending->stats.queue_ms));
  return response;
}

// Much JSON is written on the text pool: a shard has others to serve.
http::Task<http::Response> write_whole(Running& running) {
  constexpr size_t kLargeBytes = 256 << 10;
  if (running.answer.gathered_bytes() < kLargeBytes) {
    co_return whole_response(running);
  }
  auto work = [&running] { return whole_response(running); };
  co_return co_await running.app.pool.run(work);
}

http::Task<> send_whole(http::Exchange& exchange, Running& running) {
  std::optional<ApiError> error;
  const bool there = co_await gather(exchange, running, error);
  if (!there) {
    co_return;
  }
  http::Response response;
  if (error) {
    response = error_response(*error);
  } else {
    response = co_await write_whole(running);
  }
  co_await exchange.send(std::move(response));
}

// ---- streams ----

http::Response stream_head(const Running& running) {
  http::Response head{
      .content_type = "text/event-stream; charset=utf-8",
      .headers = answer_headers(running)};
  head.headers.emplace_back("cache-control", "no-cache");
  head.headers.emplace_back("x-accel-buffering", "no");
  return head;
}

// Says why the stream ends, and ends it without [DONE].
http::Task<> fail_stream(http::Exchange& exchange, std::string event) {
  const bool there = co_await exchange.write(std::move(event));
  if (there) {
    co_await exchange.finish_stream(true);
  }
}

// What is due now, as bytes; empty if there is nothing to say.
std::string due_bytes(Running& running) {
  std::string out;
  running.writer.chunks(out);
  if (running.answer.done()) {
    running.writer.finish(out);
  } else if (out.empty() && running.alarms.silent()) {
    out = ": keep-alive\n\n";
  }
  return out;
}

enum class Turn : uint8_t { kGoOn, kComplete, kBroken };

// Writes what is due.
http::Task<Turn> write_due(http::Exchange& exchange, Running& running) {
  auto bytes = due_bytes(running);
  if (!bytes.empty()) {
    running.alarms.note_write();
    const bool there = co_await exchange.write(std::move(bytes));
    if (!there) {
      co_return Turn::kBroken;
    }
  }
  co_return running.answer.done() ? Turn::kComplete : Turn::kGoOn;
}

// Takes what is ready and writes it, or waits if there is nothing.
http::Task<Turn> stream_turn(http::Exchange& exchange, Running& running) {
  const bool news = take(running);
  auto error = check(running);
  if (running.answer.failed() == Failed::kOverflow) {
    exchange.drop(); // nobody reads
    co_return Turn::kBroken;
  }
  if (error) {
    auto event = error_event(*error);
    co_await fail_stream(exchange, std::move(event));
    co_return Turn::kBroken;
  }
  if (!news && !running.answer.done() && !running.alarms.silent()) {
    const auto limit = running.alarms.until_next();
    const bool there = co_await wait_for_news(exchange, running, limit);
    co_return there ? Turn::kGoOn : Turn::kBroken;
  }
  co_return co_await write_due(exchange, running);
}

http::Task<> send_stream(http::Exchange& exchange, Running& running) {
  auto head = stream_head(running);
  const bool there = co_await exchange.start_stream(std::move(head));
  auto turn = there ? Turn::kGoOn : Turn::kBroken;
  while (turn == Turn::kGoOn) {
    turn = co_await stream_turn(exchange, running);
  }
  if (turn == Turn::kComplete) {
    co_await exchange.finish_stream();
  }
}

http::Task<> send_answer(http::Exchange& exchange, Running& running) {
  return running.spec.stream ? send_stream(exchange, running)
                             : send_whole(exchange, running);
}

// ---- admission ----

Alarms alarms_of(
    const AnswerSpec& spec,
    const ApiLimits& limits,
    Clock::time_point arrived) {
  auto timeout = spec.timeout;
  if (timeout) {
    *timeout -=
        std::chrono::duration_cast<milliseconds>(Clock::now() - arrived);
  }
  return Alarms(timeout, limits.sse_keepalive);
}

using Admitted = Result<std::unique_ptr<Running>, ApiError>;

Admitted admit(
    const http::Exchange& exchange,
    const Service& service,
    Result<Prepared, ApiError> prepared,
    const Dialect& dialect,
    Clock::time_point arrived) {
  if (!prepared) {
    return std::move(prepared.error());
  }
  auto job = std::move(prepared.value().job);
  const auto& spec = prepared.value().spec;
  const auto alarms = alarms_of(spec, service.app.limits, arrived);
  auto running = std::make_unique<Running>(
      std::move(prepared.value()), dialect, service, alarms);
  auto& generator = service.app.generator(exchange.shard());
  auto reply = generator.start(std::move(job));
  if (!reply) {
    return refusal_error(reply.error());
  }
  running->reply = std::move(reply.value());
  return running;
}

} // namespace

http::Task<> answer_request(
    http::Exchange& exchange,
    const Service& service,
    Prepare prepare,
    const Dialect& dialect) {
  const auto arrived = Clock::now();
  // The body stays in the exchange, which outlives the work.
  auto work = [&exchange, &service, prepare] {
    return prepare(exchange.request().body, service);
  };
  auto prepared = co_await service.app.pool.run(std::move(work));
  if (exchange.client_gone()) {
    co_return;
  }
  auto running =
      admit(exchange, service, std::move(prepared), dialect, arrived);
  if (!running) {
    auto response = error_response(running.error());
    co_await exchange.send(std::move(response));
  } else {
    co_await send_answer(exchange, *running.value());
    exchange.note(note_of(*running.value()));
  }
}

} // namespace parallm::openai
