// What the way from socket to socket costs on a real model: tokens per second
// of the whole server, with streaming clients, against those of the bare engine
// loop with the same requests. The two take turns, so that a noisy machine
// hurts both.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <thread>

#include "bench/stream_clients.h"
#include "engine/engine.h"
#include "runtime/resolve.h"
#include "runtime/runtime.h"

namespace parallm {
namespace {

struct Options {
  std::string folder{};
  int streams = 64;
  int tokens = 256; // of each answer
  int rounds = 5;
};

ServerConfig config_of(const Options& options) {
  ServerConfig config;
  config.model.path = options.folder;
  config.model.aliases = {"bench"};
  config.network.port = 0;
  config.engine.max_batch_size = options.streams;
  config.log.requests = RequestLog::kOff;
  return config;
}

std::vector<TokenId> prompt_of(int stream) {
  return {1, 5 + stream};
}

// Tokens per second without text, threads and sockets.
class BareLoop {
 public:
  explicit BareLoop(const Options& options) : options_(options) {
    const ServerConfig config = config_of(options);
    const auto checkpoint =
        inspect_checkpoint(runner_options(config, this_machine()));
    engine_ = std::make_unique<Engine>(
        engine_options(config, checkpoint),
        load_runner(runner_options(config, this_machine()), checkpoint),
        [](int, StepEvents) {}, status_);
  }

  double rate() {
    const double begin_s = now_s();
    for (int i = 0; i < options_.streams; ++i) {
      GenerateRequest request;
      request.id = RequestId{++last_id_};
      request.prompt = prompt_of(i);
      request.max_new_tokens = options_.tokens;
      request.sampling.temperature = 0;
      engine_->obey(std::move(request));
    }
    while (!engine_->idle()) {
      engine_->step();
    }
    return double(options_.streams) * options_.tokens / (now_s() - begin_s);
  }

 private:
  const Options options_;
  EngineStatus status_;
  std::unique_ptr<Engine> engine_;
  uint64_t last_id_ = 0;
};

std::string request_of(const Options& options, int stream) {
  const auto prompt = prompt_of(stream);
  return post_request(fmt::format(
      R"({{"model":"bench","prompt":[{},{}],"max_tokens":{},"temperature":0,)"
      R"("ignore_eos":true,"stream":true}})",
      prompt[0], prompt[1], options.tokens));
}

// The same from the first request sent to the last byte read.
double served_rate(const Options& options, int port) {
  const double begin_s = now_s();
  StreamClients clients;
  for (int i = 0; i < options.streams; ++i) {
    clients.send(port, request_of(options, i));
  }
  const Sink sink = clients.read_all();
  PARALLM_CHECK(
      sink.complete == options.streams, "{} of {} streams complete",
      sink.complete, options.streams);
  return double(options.streams) * options.tokens / (sink.last_s - begin_s);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int run(const Options& options) {
  std::vector<double> bare;
  std::vector<double> served;
  for (int round = 0; round <= options.rounds; ++round) {
    bare.push_back(BareLoop(options).rate());
    Runtime runtime(config_of(options));
    runtime.wait_loaded();
    served.push_back(served_rate(options, runtime.port()));
    if (round == 0) { // warms the files' pages
      bare.clear();
      served.clear();
      continue;
    }
    fmt::print(
        "round {}: bare loop {:.0f} tokens/s, served {:.0f}, ratio {:.3f}\n",
        round, bare.back(), served.back(), served.back() / bare.back());
  }
  fmt::print(
      "{} streams of {} tokens, medians: bare loop {:.0f} tokens/s, served "
      "{:.0f}, goodput {:.3f}\n",
      options.streams, options.tokens, median(bare), median(served),
      median(served) / median(bare));
  return 0;
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  parallm::Options options;
  CLI::App app("Tokens per second of the whole server against its engine loop");
  app.add_option("MODEL", options.folder, "checkpoint folder")->required();
  app.add_option("--streams", options.streams)->capture_default_str();
  app.add_option("--tokens", options.tokens)->capture_default_str();
  app.add_option("--rounds", options.rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return parallm::run(options);
}
