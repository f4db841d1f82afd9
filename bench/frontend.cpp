#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/routes.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/mailbox.h"
#include "base/thread.h"
#include "bench/stream_clients.h"
#include "delivery/delivery.h"
#include "engine/engine_thread.h"
#include "http/server.h"
#include "metrics/server_metrics.h"
#include "tests/fakes/scripted_runner.h"

// The whole way without a model: a scripted runner under the real engine,
// delivery, api and http, and many clients who only read. Says how many tokens
// a second go from the engine's events to bytes that a client has read, and
// what processor time each costs.
namespace parallm {
namespace {

struct Options {
  int streams = 256;
  int shards = 1;
  int tokens = 20'000;   // of each stream
  double rate = 0;       // tokens/s of the engine; 0: as fast as it may
  int window_steps = 32; // that the engine may be ahead of the shards
};

double cpu_s() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// Holds the engine back: to a rate, and when it is too far ahead of the
// shards. What it has made and they have not yet read is its lead.
class Pace {
 public:
  explicit Pace(const Options& options)
      : window_(int64_t{options.window_steps} * options.streams),
        step_s_(options.rate > 0 ? options.streams / options.rate : 0) {}

  // On the engine thread, before each step is told.
  void wait() {
    int64_t lead = lead_.load();
    while (lead > window_) {
      lead_.wait(lead);
      lead = lead_.load();
    }
    if (step_s_ > 0) {
      wait_for_turn();
    }
  }
  void produced(size_t events) {
    const int64_t made = static_cast<int64_t>(events);
    largest_lead_ = std::max(largest_lead_, lead_.fetch_add(made) + made);
    last_s_ = now_s();
  }
  // On a shard.
  void consumed(size_t events) {
    lead_.fetch_sub(static_cast<int64_t>(events));
    lead_.notify_one();
  }

  // Once the engine has ended.
  int64_t largest_lead() const { return largest_lead_; }
  double last_s() const { return last_s_; }

 private:
  // By the clock since the start, so that a late step does not lower the rate.
  void wait_for_turn() {
    next_s_ = next_s_ == 0 ? now_s() : next_s_ + step_s_;
    const double wait_s = next_s_ - now_s();
    if (wait_s > 0) {
      std::this_thread::sleep_for(Seconds(wait_s));
    }
  }

  const int64_t window_;
  const double step_s_;
  std::atomic<int64_t> lead_{0};
  int64_t largest_lead_ = 0; // engine thread, as the next two
  double next_s_ = 0;
  double last_s_ = 0;
};

// Tokens that are whole ASCII text, so that each makes a chunk.
std::vector<TokenId> words_of(const Tokenizer& tokenizer) {
  std::vector<TokenId> words;
  for (TokenId id = 0; id < tokenizer.vocab(); ++id) {
    const auto bytes = tokenizer.bytes(id);
    const bool ascii = std::all_of(bytes.begin(), bytes.end(), [](char c) {
      return c >= ' ' && c <= '~';
    });
    if (!bytes.empty() && ascii && !tokenizer.is_special(id)) {
      words.push_back(id);
    }
  }
  return words;
}

// Everything from the runner to the listening socket. Members in start order.
class Stack {
 public:
  explicit Stack(const Options& options)
      : options_(options),
        pace_(options),
        tokenizer_(
            Tokenizer::load(std::string(PARALLM_TEST_DATA) + "/tiny-chat")),
        words_(words_of(*tokenizer_)),
        server_({.port = 0, .shards = options.shards}, make_failure_body()),
        engine_(
            [this](EventSink sink, EngineStatus& status) {
              return make_engine(std::move(sink), status);
            },
            [this](int shard, StepEvents events) {
              pace_.produced(events.size());
              outboxes_[static_cast<size_t>(shard)]->put(std::move(events));
            },
            status_),
        delivery_(
            options.shards,
            tokenizer_,
            {},
            status_,
            [this](EngineCommand command) {
              return engine_.submit(std::move(command));
            },
            &metrics_),
        app_{
            .card =
                {.id = "bench",
                 .max_model_len = options.tokens + 64,
                 .vocab = tokenizer_->vocab()},
            .tokenizer = tokenizer_,
            .generator = [this](int shard) -> Generator& {
              return delivery_.shard(shard);
            },
            .pool = pool_,
            .status = status_} {
    engine_.wait_ready();
    server_.set_routes(make_routes(app_));
    server_.start();
  }
  // The engine first: nothing is posted to shards that have stopped.
  ~Stack() { stop(); }

  void stop() {
    engine_.stop();
    server_.stop();
  }

  int port() const { return server_.port(); }
  const Pace& pace() const { return pace_; } // after stop()

 private:
  std::unique_ptr<Engine> make_engine(EventSink sink, EngineStatus& status) {
    for (int shard = 0; shard < options_.shards; ++shard) {
      outboxes_.push_back(std::make_unique<Mailbox<StepEvents>>([this, shard] {
        server_.post(shard, [this, shard] { drain(shard); });
      }));
    }
    const int positions = options_.tokens + 64;
    EngineOptions options;
    options.limits.max_sequences = options_.streams;
    options.limits.max_step_tokens = options_.streams * 8;
    options.limits.max_positions = positions;
    options.geometry.num_blocks =
        options_.streams * (positions / options.geometry.block_tokens + 2);
    return std::make_unique<Engine>(
        options,
        std::make_unique<ScriptedRunner>(
            [this](const ScriptLine& line) {
              const auto word = mix64(static_cast<uint64_t>(line.position));
              return words_[word % words_.size()];
            },
            [this] { pace_.wait(); }),
        std::move(sink), status);
  }

  // On the shard.
  void drain(int shard) {
    for (auto& events : outboxes_[static_cast<size_t>(shard)]->take()) {
      const size_t count = events.size();
      delivery_.deliver(shard, std::move(events));
      pace_.consumed(count);
    }
  }

  const Options options_;
  Pace pace_;
  EngineStatus status_;
  ServerMetrics metrics_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<TokenId> words_;
  std::vector<std::unique_ptr<Mailbox<StepEvents>>> outboxes_;
  http::WorkPool pool_{1};
  http::Server server_;
  EngineThread engine_;
  Delivery delivery_;
  AppContext app_;
};

std::string completion_request(const Options& options) {
  return post_request(fmt::format(
      R"({{"model":"bench","prompt":"hello","max_tokens":{},"stream":true}})",
      options.tokens));
}

void print(
    const Options& options, const Pace& pace, const Sink& sink, double cpu) {
  const double seconds = sink.last_s - sink.first_s;
  const double tokens = double(options.streams) * options.tokens;
  fmt::print(
      "{} streams, {} shards: {} tokens in {:.2f} s, {:.0f} tokens/s\n",
      options.streams, options.shards, tokens, seconds, tokens / seconds);
  fmt::print(
      "{:.1f} bytes/token; the engine was at most {:.1f} steps ahead; the "
      "last byte came {:.1f} ms after the last token\n",
      double(sink.bytes) / tokens,
      double(pace.largest_lead()) / options.streams,
      1e3 * (sink.last_s - pace.last_s()));
  fmt::print(
      "processor: {:.2f} us/token, of them the sink {:.2f}; {:.2f} cores\n",
      1e6 * cpu / tokens, 1e6 * sink.cpu_s / tokens, cpu / seconds);
  fmt::print("{} of {} streams complete\n", sink.complete, options.streams);
}

int run(const Options& options) {
  Stack stack(options);
  const std::string request = completion_request(options);
  StreamClients clients;
  const double cpu_before = cpu_s();
  for (int i = 0; i < options.streams; ++i) {
    clients.send(stack.port(), request);
  }
  Sink sink;
  Thread([&] { sink = clients.read_all(); }).join();
  const double cpu = cpu_s() - cpu_before;
  stack.stop();
  print(options, stack.pace(), sink, cpu);
  return sink.complete == options.streams ? 0 : 1;
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  parallm::Options options;
  CLI::App app("From engine events to bytes read, without a model");
  app.add_option("--streams", options.streams)->capture_default_str();
  app.add_option("--shards", options.shards)->capture_default_str();
  app.add_option("--tokens", options.tokens)->capture_default_str();
  app.add_option("--rate", options.rate, "tokens/s; 0: as fast as it may")
      ->capture_default_str();
  app.add_option("--window-steps", options.window_steps)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return parallm::run(options);
}
