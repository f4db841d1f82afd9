// The bare engine loop on a real model, without text and sockets: steps per
// second while N sequences decode, and where the engine thread's time goes.
// Usage: bench_engine_loop MODEL_FOLDER [SEQUENCES...]
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "engine/engine.h"
#include "runner/load.h"

namespace parallm {
namespace {

constexpr int kAnswerTokens = 256;

// Adds up how long each call of the runner takes.
class TimedRunner : public ModelRunner {
 public:
  struct Sums {
    double launch_ms = 0, sample_ms = 0, collect_ms = 0;
    int steps = 0;
  };

  TimedRunner(std::unique_ptr<ModelRunner> runner, Sums& sums)
      : runner_(std::move(runner)), sums_(sums) {}

  void launch(const StepPlan& plan) override {
    ++sums_.steps;
    timed(sums_.launch_ms, [&] { runner_->launch(plan); });
  }
  void sample(const StepPlan& plan) override {
    timed(sums_.sample_ms, [&] { runner_->sample(plan); });
  }
  StepResult collect() override {
    StepResult result;
    timed(sums_.collect_ms, [&] { result = runner_->collect(); });
    return result;
  }

 private:
  template <class Work>
  static void timed(double& sum, const Work& work) {
    const double start = steady_ms();
    work();
    sum += steady_ms() - start;
  }

  std::unique_ptr<ModelRunner> runner_;
  Sums& sums_;
};

struct Case {
  int sequences = 1;
  int max_in_flight = 2;
  SamplingParams sampling{};
};

void measure(const char* folder, const char* label, const Case& c) {
  const RunnerOptions wish{.path = folder};
  const CheckpointSummary summary = inspect_checkpoint(wish);
  EngineOptions options;
  options.limits.max_positions = summary.geometry.max_positions;
  options.geometry = {summary.geometry.blocks, summary.geometry.block_tokens};
  options.max_in_flight = c.max_in_flight;
  TimedRunner::Sums sums;
  EngineStatus status;
  Engine engine(
      options, std::make_unique<TimedRunner>(load_runner(wish, summary), sums),
      [](int, StepEvents) {}, status);
  for (int i = 0; i < c.sequences; ++i) {
    GenerateRequest request;
    request.id = RequestId{static_cast<uint64_t>(i)};
    request.prompt = {1, 5 + i};
    request.max_new_tokens = kAnswerTokens;
    request.sampling = c.sampling;
    request.sampling.seed = static_cast<uint64_t>(i);
    engine.obey(std::move(request));
  }
  const double start = steady_ms();
  while (!engine.idle()) {
    engine.step();
  }
  const double total_ms = steady_ms() - start;
  const auto us = [&](double ms) { return 1000 * ms / sums.steps; };
  fmt::print(
      "{:16} B {:3}  in flight {}  {:7.0f} steps/s  {:8.0f} tokens/s  us a "
      "step: launch {:5.0f} sample {:4.0f} collect {:5.0f} all {:5.0f}\n",
      label, c.sequences, c.max_in_flight, 1000 * sums.steps / total_ms,
      1000.0 * kAnswerTokens * c.sequences / total_ms, us(sums.launch_ms),
      us(sums.sample_ms), us(sums.collect_ms), us(total_ms));
}

int run(int count, char** args) {
  if (count < 2) {
    fmt::print(
        stderr, "usage: bench_engine_loop MODEL_FOLDER [SEQUENCES...]\n");
    return 64;
  }
  std::vector<int> sizes;
  for (int i = 2; i < count; ++i) {
    sizes.push_back(std::atoi(args[i]));
  }
  for (int sequences : sizes.empty() ? std::vector{1, 8, 64} : sizes) {
    for (int in_flight : {1, 2}) {
      measure(args[1], "greedy", {sequences, in_flight, {.temperature = 0}});
      measure(args[1], "temperature 1", {sequences, in_flight, {}});
      measure(
          args[1], "top_p, logprobs 5",
          {sequences, in_flight, {.top_p = 0.9f, .logprobs = 5}});
    }
  }
  return 0;
}

} // namespace
} // namespace parallm

int main(int count, char** args) {
  return parallm::run(count, args);
}
