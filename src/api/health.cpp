#include "api/health.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "api/openai/errors.h"

namespace parallm {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

http::Response status_response(std::string_view word) {
  http::Response response{.body = fmt::format("{{\"status\":\"{}\"}}", word)};
  if (word != "ok") {
    response.status = 503;
    // Asking is cheap, and nobody knows how long it takes.
    response.headers.emplace_back("retry-after", "1");
  }
  return response;
}

// The route is open, but generating is not: what the gate would answer.
std::optional<http::Response> refuse_probe(
    const http::Exchange& exchange, const AppContext& app) {
  const auto admission = http::check_access(
      app.api_keys, exchange.request().headers, http::Access::kUser);
  if (admission == http::Admission::kAllowed) {
    return {};
  }
  auto response = openai::error_response(
      {.status = 401,
       .code = "invalid_api_key",
       .message = admission == http::Admission::kNoKey
                      ? "A probe needs an API key: Authorization: Bearer KEY, "
                        "or x-api-key"
                      : "Unknown API key"});
  response.headers.emplace_back("www-authenticate", "Bearer");
  return response;
}

// One token after the shortest prompt there is.
GenerateJob probe_job(const AppContext& app) {
  GenerateJob job;
  job.rules.token_details = true;
  auto& request = job.requests.emplace_back();
  request.prompt = {app.tokenizer->bos().value_or(0)};
  request.max_new_tokens = 1;
  request.priority = -100;
  request.sampling.temperature = 0;
  request.sampling.logprobs = 0;
  return job;
}

// "" while the probe goes on.
std::string_view probe_word(const std::vector<TextDelta>& deltas, bool& sound) {
  for (const auto& delta : deltas) {
    for (const auto& token : delta.tokens) {
      sound =
          sound || (token.logprobs && std::isfinite(token.logprobs->logprob));
    }
    if (delta.end) {
      return sound ? "ok" : "failed";
    }
  }
  return "";
}

// Waits for the token, at most as long as a step may be overdue. Empty: the
// client has gone.
http::Task<std::string_view> await_probe(
    http::Exchange& exchange, Reply& reply, milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  bool sound = false;
  while (Clock::now() < deadline) {
    const auto word = probe_word(reply.take(), sound);
    if (!word.empty()) {
      co_return word;
    }
    reply.wake_once([&exchange] { exchange.wake(); });
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    const auto woken = co_await exchange.wait(std::max(left, milliseconds{1}));
    if (woken == http::Woken::kByClose) {
      co_return "";
    }
  }
  co_return "stalled";
}

bool asks_for_probe(std::string_view query) {
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    if (pair == "probe=1") {
      return true;
    }
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return false;
}

} // namespace

bool is_stalled(const EngineStatus& status, milliseconds limit) {
  if (!status.busy) {
    return false;
  }
  const auto now =
      std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch());
  return now.count() - status.heartbeat_ms > limit.count();
}

std::string_view unready_word(const AppContext& app) {
  switch (app.status.state.load()) {
    case EngineState::kLoading:
      return "loading";
    case EngineState::kDraining:
      return "draining";
    case EngineState::kFailed:
      return "failed";
    case EngineState::kReady:
      break;
  }
  if (is_stalled(app.status, app.limits.stall_timeout)) {
    return "stalled";
  }
  return app.admits && !app.admits() ? "queue_full" : "";
}

http::Task<> health(http::Exchange& exchange, const AppContext& app) {
  std::string_view word = "ok";
  if (app.status.state == EngineState::kFailed) {
    word = "failed";
  } else if (is_stalled(app.status, app.limits.stall_timeout)) {
    word = "stalled";
  }
  auto response = status_response(word);
  co_await exchange.send(std::move(response));
}

http::Task<> health_ready(http::Exchange& exchange, const AppContext& app) {
  if (asks_for_probe(exchange.request().query)) {
    auto refusal = refuse_probe(exchange, app);
    if (refusal) {
      co_await exchange.send(std::move(*refusal));
    } else {
      co_await health_generate(exchange, app);
    }
    co_return;
  }
  const auto word = unready_word(app);
  auto response = status_response(word.empty() ? "ok" : word);
  co_await exchange.send(std::move(response));
}

http::Task<> health_generate(http::Exchange& exchange, const AppContext& app) {
  auto word = unready_word(app);
  if (word.empty()) {
    auto started = app.generator(exchange.shard()).start(probe_job(app));
    word = "queue_full";
    if (started) {
      word = co_await await_probe(
          exchange, *started.value(), app.limits.stall_timeout);
    }
  }
  if (word.empty()) {
    co_return;
  }
  auto response = status_response(word);
  co_await exchange.send(std::move(response));
}

http::Task<> metrics(http::Exchange& exchange, const AppContext& app) {
  http::Response response{
      .body = app.metrics ? app.metrics() : std::string(),
      .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  co_await exchange.send(std::move(response));
}

} // namespace parallm
