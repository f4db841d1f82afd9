#pragma once

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/routes.h"
#include "delivery/delivery.h"
#include "engine/engine_thread.h"
#include "http/server.h"
#include "tests/fakes/scripted_runner.h"
#include "tests/http/client.h"

// The whole way from socket to engine and back, with a model that says what
// it is told to.
namespace parallm::testing {

using http::testing::Answer;
using http::testing::Client;

inline constexpr TokenId kEos = 1;
inline constexpr int kContext = 256;
inline constexpr std::string_view kStory =
    "It's a \"small\" world;\n5 \xe2\x82\xac \xf0\x9f\x98\x80 \\ end.";

inline std::string model_folder() {
  return std::string(PARALLM_TEST_DATA) + "/tiny-chat";
}

inline std::shared_ptr<const Tokenizer> tiny_tokenizer() {
  static const auto tokenizer = Tokenizer::load(model_folder());
  return tokenizer;
}

// Lets the engine go on, one step for each permit, or freely.
class Brake {
 public:
  void hold() {
    std::lock_guard lock(mutex_);
    held_ = true;
    permits_ = 0;
  }
  void release() {
    {
      std::lock_guard lock(mutex_);
      held_ = false;
    }
    moved_.notify_all();
  }
  void allow(int steps) {
    {
      std::lock_guard lock(mutex_);
      permits_ += steps;
    }
    moved_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [&] { return !held_ || permits_ > 0; });
    permits_ -= held_ ? 1 : 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  bool held_ = false;
  int permits_ = 0;
};

// Throws at one launch, as a device may; afterwards it is fit again.
class FailingRunner final : public ScriptedRunner {
 public:
  FailingRunner(Script script, std::function<void()> before_collect, int at)
      : ScriptedRunner(std::move(script), std::move(before_collect)),
        fails_at_(at) {}

  void launch(const StepPlan& plan) override {
    if (++launches_ == fails_at_) {
      throw std::runtime_error("scripted");
    }
    ScriptedRunner::launch(plan);
  }

 private:
  const int fails_at_;
  int launches_ = 0;
};

struct SiteSettings {
  ApiLimits limits{};
  DeliveryLimits delivery{};
  std::string story{kStory};
  std::shared_ptr<const Tokenizer> tokenizer = tiny_tokenizer();
  bool has_template = true;
  int failing_step = 0; // counted from 1; 0: none
  int vocab = 0;        // of the model; 0: that of the tokenizer
  std::vector<std::string> aliases{};
  std::string adapter{};
  std::vector<http::ApiKey> api_keys{};
};

class Site {
 public:
  explicit Site(SiteSettings settings = {})
      : settings_(std::move(settings)),
        story_(settings_.tokenizer->encode(
            settings_.story, {.add_special_tokens = false})),
        server_(server_options(settings_), make_failure_body()),
        delivery_(
            server_.shards(),
            settings_.tokenizer,
            settings_.delivery,
            status,
            [this](EngineCommand command) {
              return engine_->submit(std::move(command));
            }),
        pool_(2),
        app_(context()) {
    engine_ = std::make_unique<EngineThread>(
        [this](EventSink sink, EngineStatus& engine_status) {
          return make_engine(std::move(sink), engine_status);
        },
        [this](int shard, StepEvents events) {
          post(shard, std::move(events));
        },
        status);
    engine_->wait_ready();
    server_.set_routes(make_routes(app_));
    server_.start();
  }

  ~Site() {
    brake.release();
    server_.stop();
    engine_->stop();
    pool_.stop();
  }

  Client connect() const { return Client::to_port(server_.port()); }

  // `headers` are whole lines, each with its line break.
  Answer get(const std::string& path, const std::string& headers = "") const {
    auto client = connect();
    client.send(http::testing::get(path, headers));
    return client.read_answer();
  }
  Answer post(const std::string& path, const std::string& body) const {
    auto client = connect();
    client.send(http::testing::post(path, body));
    return client.read_answer();
  }
  Answer post(const std::string& path, const json::object& body) const {
    return post(path, json::serialize(body));
  }

  int active_jobs() const { return delivery_.active_jobs(); }
  void drain() { delivery_.drain(); }
  const TokenId* story() const { return story_.data(); }
  size_t story_tokens() const { return story_.size(); }

  Brake brake{};
  EngineStatus status{};

 private:
  static http::ServerOptions server_options(const SiteSettings& settings) {
    http::ServerOptions options;
    options.port = 0;
    options.shards = 2;
    options.api_keys = settings.api_keys;
    return options;
  }

  AppContext context() {
    AppContext app{.pool = pool_, .status = status};
    app.card = {
        .id = "tiny-chat",
        .aliases = settings_.aliases,
        .created = 1700000000,
        .root = "tiny-chat",
        .max_model_len = kContext,
        .vocab = settings_.vocab > 0 ? settings_.vocab
                                     : settings_.tokenizer->vocab(),
        .adapter = settings_.adapter,
        .system_fingerprint = "fp_0123456789ab",
        .end_tokens = {kEos}};
    app.limits = settings_.limits;
    app.api_keys = settings_.api_keys;
    app.tokenizer = settings_.tokenizer;
    if (settings_.has_template) {
      app.chat_template = ChatTemplate::load(model_folder(), *app.tokenizer);
    }
    app.generator = [this](int shard) -> Generator& {
      return delivery_.shard(shard);
    };
    app.metrics = [] { return std::string("up 1\n"); };
    return app;
  }

  std::unique_ptr<Engine> make_engine(
      EventSink sink, EngineStatus& engine_status) {
    const EngineOptions options{
        .limits = {.max_positions = kContext},
        .geometry = {.num_blocks = 1024, .block_tokens = 4}};
    auto runner = std::make_unique<FailingRunner>(
        [this](const ScriptLine& line) { return token(line); },
        [this] { brake.pass(); }, settings_.failing_step);
    return std::make_unique<Engine>(
        options, std::move(runner), std::move(sink), engine_status);
  }

  // Choice c tells the story from its c-th token on.
  TokenId token(const ScriptLine& line) const {
    const auto at = size_t(line.position + line.choice);
    return at < story_.size() ? story_[at] : kEos;
  }

  void post(int shard, StepEvents events) {
    // Shared because a posted function must be copyable.
    auto list = std::make_shared<StepEvents>(std::move(events));
    server_.post(shard, [this, shard, list] {
      delivery_.deliver(shard, std::move(*list));
    });
  }

  SiteSettings settings_;
  std::vector<TokenId> story_;
  http::Server server_;
  Delivery delivery_;
  http::WorkPool pool_;
  AppContext app_;
  std::unique_ptr<EngineThread> engine_;
};

// The JSON objects of a stream, [DONE] left out.
struct Events {
  std::vector<json::object> chunks{};
  int comments = 0;
  bool done = false; // [DONE] came last
};

inline Events events_of(const std::string& body) {
  Events events;
  size_t at = 0;
  while (at < body.size()) {
    const auto end = body.find("\n\n", at);
    const auto event = body.substr(at, end - at);
    events.done = event == "data: [DONE]";
    if (event.starts_with(":")) {
      ++events.comments;
    } else if (!events.done) {
      events.chunks.push_back(json::parse(event.substr(6)).as_object());
    }
    at = end == std::string::npos ? body.size() : end + 2;
  }
  return events;
}

inline json::object object_of(const Answer& answer) {
  return json::parse(answer.body).as_object();
}

inline std::string string_of(const json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

inline json::object chat_body(json::object more = {}) {
  json::object body{
      {"model", "tiny-chat"},
      {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  for (auto& member : more) {
    body[member.key()] = member.value();
  }
  return body;
}

inline json::object completion_body(json::object more = {}) {
  json::object body{{"model", "tiny-chat"}, {"prompt", "Once"}};
  for (auto& member : more) {
    body[member.key()] = member.value();
  }
  return body;
}

} // namespace parallm::testing
