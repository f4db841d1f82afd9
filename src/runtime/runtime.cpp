#include "runtime/runtime.h"

#include <fmt/format.h>

#include "api/routes.h"
#include "base/check.h"
#include "base/log.h"
#include "engine/engine_thread.h"
#include "http/server.h"
#include "runtime/event_relay.h"
#include "runtime/metered_runner.h"
#include "runtime/model_text.h"
#include "runtime/request_log.h"
#include "runtime/resolve.h"

namespace parallm {

namespace {

// For answers that were cut off to reach their clients.
constexpr std::chrono::seconds kFarewell{2};

// Its ids beyond the model's are refused request by request: some checkpoints
// add a padding token that no text ever needs.
void warn_of_extra_tokens(const Tokenizer& tokenizer, int vocab) {
  if (tokenizer.vocab() > vocab) {
    log::warn(
        "tokenizer.json has ids up to {}, the model only up to {}: prompts "
        "with the others are refused",
        tokenizer.vocab() - 1, vocab - 1);
  }
}

void describe_memory(const MemoryPlan& plan, ServerMetrics& metrics) {
  metrics.device_memory("weights", static_cast<double>(plan.weights));
  metrics.device_memory("kv_cache", static_cast<double>(plan.kv));
  metrics.device_memory("states", static_cast<double>(plan.states));
  metrics.device_memory("working", static_cast<double>(plan.working));
  metrics.device_memory("answers", static_cast<double>(plan.answers));
  metrics.device_memory("heap", static_cast<double>(plan.heap));
}

} // namespace

// Sockets are open while this lives. What is posted to shards that have ended
// is lost, so it ends after the engine and before what handlers use.
class OpenDoor {
 public:
  OpenDoor(http::Server& server, http::WorkPool& pool)
      : server_(server), pool_(pool) {
    server_.start();
  }
  OpenDoor(const OpenDoor&) = delete;
  ~OpenDoor() {
    server_.stop();
    pool_.stop();
  }

 private:
  http::Server& server_;
  http::WorkPool& pool_;
};

// In the order of their start; they end in the reverse.
struct Runtime::Parts {
  explicit Parts(const ServerConfig& asked)
      : config(asked),
        machine(this_machine()),
        checkpoint(inspect_checkpoint(runner_options(config, machine))),
        tokenizer(load_tokenizer(config.model.path)),
        chat_template(load_template(config.model, *tokenizer)),
        metrics(config.log.metrics_prefix),
        pool(text_threads(config, machine)),
        options(server_options(config, machine)),
        server(options, make_failure_body()),
        relay(
            server.shards(),
            [this](int shard, std::function<void()> work) {
              server.post(shard, std::move(work));
            },
            [this](int shard, StepEvents events) {
              delivery.deliver(shard, std::move(events));
            }),
        delivery(
            server.shards(),
            tokenizer,
            delivery_limits(config, checkpoint, machine),
            status,
            [this](EngineCommand command) {
              return engine.submit(std::move(command));
            },
            &metrics),
        app(make_app()),
        door(open_door()),
        engine(
            [this](EventSink sink, EngineStatus& engine_status) {
              return make_engine(std::move(sink), engine_status);
            },
            [this](int shard, StepEvents events) {
              relay.put(shard, std::move(events));
            },
            status) {
    warn_of_extra_tokens(*tokenizer, checkpoint.geometry.vocab);
  }

  AppContext make_app() {
    AppContext context{.pool = pool, .status = status};
    context.card = model_card(config, checkpoint);
    if (context.card.end_tokens.empty() && tokenizer->eos()) {
      context.card.end_tokens = {*tokenizer->eos()};
    }
    context.limits = api_limits(config, checkpoint, machine);
    context.tokenizer = tokenizer;
    context.chat_template = chat_template;
    context.generator = [this](int shard) -> Generator& {
      return delivery.shard(shard);
    };
    context.admits = [this] {
      return delivery.queued_jobs() < config.engine.max_queue;
    };
    context.api_keys = options.api_keys;
    context.metrics = [this] { return metrics.render(figures_of(status)); };
    return context;
  }

  OpenDoor open_door() {
    describe_memory(checkpoint.memory, metrics);
    metrics.weight_version(app.card.weight_version);
    server.set_routes(make_routes(app));
    server.on_response(make_response_hook(config.log.requests, metrics));
    return OpenDoor(server, pool);
  }

  // On the engine thread.
  std::unique_ptr<Engine> make_engine(EventSink sink, EngineStatus& published) {
    auto runner = std::make_unique<MeteredRunner>(
        load_runner(runner_options(config, machine), checkpoint), metrics);
    return std::make_unique<Engine>(
        engine_options(config, checkpoint), std::move(runner), std::move(sink),
        published);
  }

  const ServerConfig config;
  const Machine machine;
  const CheckpointSummary checkpoint;
  const std::shared_ptr<const Tokenizer> tokenizer; // shared with the pool
  const std::shared_ptr<const ChatTemplate> chat_template;
  EngineStatus status;
  ServerMetrics metrics;
  http::WorkPool pool;
  const http::ServerOptions options;
  http::Server server;
  EventRelay relay;
  Delivery delivery;
  const AppContext app;
  const OpenDoor door; // before the engine: a taken address is told at once
  EngineThread engine; // it loads
};

Runtime::Runtime(const ServerConfig& config)
    : parts_(std::make_unique<Parts>(config)) {
}

Runtime::~Runtime() = default;

void Runtime::wait_loaded() {
  parts_->engine.wait_ready();
  const ModelCard& card = parts_->app.card;
  const CheckpointSummary& checkpoint = parts_->checkpoint;
  const std::string adapter = card.adapter.empty()
                                  ? ""
                                  : fmt::format(
                                        ", with {} ({}) for every request",
                                        card.adapter, checkpoint.adapter);
  log::info(
      "{} is loaded: {}{}, up to {} tokens, {}", card.id, checkpoint.model_type,
      adapter, card.max_model_len, checkpoint.memory.text());
}

std::string Runtime::address() const {
  const NetworkSettings& network = parts_->config.network;
  if (network.host.starts_with("unix:")) {
    return network.host;
  }
  const bool bare_ipv6 =
      network.host.find(':') != std::string::npos && network.host[0] != '[';
  return fmt::format(
      "{}://{}:{}", network.tls_cert_file.empty() ? "http" : "https",
      bare_ipv6 ? fmt::format("[{}]", network.host) : network.host, port());
}

int Runtime::port() const {
  return parts_->server.port();
}

bool Runtime::healthy() const {
  return parts_->status.state != EngineState::kFailed;
}

bool Runtime::stop(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  parts_->delivery.drain();
  parts_->engine.wait_drained(std::chrono::milliseconds(0)); // tells /health
  const bool answered = parts_->server.drain(deadline);
  parts_->engine.stop(); // what is left ends, and its clients are told
  parts_->server.drain(std::chrono::steady_clock::now() + kFarewell);
  parts_->server.stop();
  parts_->pool.stop();
  return answered;
}

} // namespace parallm
