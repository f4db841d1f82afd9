// What the memory plan says of a checkpoint, and what is taken once all of it
// is in use: weights loaded, the cache full, steps of the largest size, one
// prompt scored.
//   bench_memory MODEL [SEQUENCES [TOKENS]]
// One model a process, so that the peak is of this one alone.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/check.h"
#include "bench/process_status.h"
#include "engine/engine.h"
#include "runner/load.h"

namespace parallm {
namespace {

constexpr int kAnswerTokens = 8;
constexpr double kMiB = 1 << 20;

// Prompts without a common prefix that fill the cache together.
GenerateRequest request_of(int index, int tokens, int vocab) {
  GenerateRequest request;
  request.id = RequestId{static_cast<uint64_t>(index)};
  for (int i = 0; i < tokens - kAnswerTokens; ++i) {
    request.prompt.push_back((index * 7919 + i * 31 + 3) % vocab);
  }
  request.max_new_tokens = kAnswerTokens;
  request.sampling.seed = 1;
  request.sampling.prompt_logprobs = index == 0 ? 0 : -1;
  return request;
}

void fill(Engine& engine, int sequences, int tokens, int vocab) {
  for (int i = 0; i < sequences; ++i) {
    engine.obey(request_of(i, tokens, vocab));
  }
  while (!engine.idle()) {
    engine.step();
  }
}

void run(const char* model, int sequences, int tokens) {
  RunnerOptions wish{.path = model};
  wish.max_sequences = sequences;
  wish.max_step_tokens = 512;
  wish.memory.blocks =
      sequences * ((tokens + wish.block_tokens - 1) / wish.block_tokens);
  const auto summary = inspect_checkpoint(wish);
  const double before = status_mib("VmHWM");
  EngineOptions options;
  options.limits = {
      .max_sequences = sequences, .max_step_tokens = wish.max_step_tokens};
  options.limits.max_chunk_tokens = wish.max_step_tokens;
  options.limits.max_positions = summary.geometry.max_positions;
  options.limits.has_states = summary.has_states;
  options.geometry = {summary.geometry.blocks, summary.geometry.block_tokens};
  EngineStatus status;
  Engine engine(
      options, load_runner(wish, summary), [](int, StepEvents) {}, status);
  const double loaded = status_mib("VmHWM") - before;
  fill(engine, sequences, tokens, summary.geometry.vocab);
  const auto& plan = summary.memory;
  const double planned = static_cast<double>(plan.total()) / kMiB;
  const double peak = status_mib("VmHWM") - before;
  fmt::print(
      "{}\n  planned {:.1f} MiB, peak {:.1f} MiB ({:+.1f} %); after the load "
      "{:.1f} MiB\n",
      plan.text(), planned, peak, 100 * (planned - peak) / peak, loaded);
}

} // namespace
} // namespace parallm

int main(int count, char** args) {
  if (count < 2) {
    std::fputs("usage: bench_memory MODEL [SEQUENCES [TOKENS]]\n", stderr);
    return 64;
  }
  try {
    parallm::run(
        args[1], count > 2 ? std::atoi(args[2]) : 8,
        count > 3 ? std::atoi(args[3]) : 512);
  } catch (const parallm::StartError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_code;
  }
  return 0;
}
