// What deciding costs: plan and commit of one step, with a full batch that
// decodes and a long queue behind it. As in the engine, a step is planned while
// the one before it is still to be committed. Nothing is computed.

#include "engine/scheduler.h"

#include <benchmark/benchmark.h>

namespace parallm {
namespace {

GenerateRequest request_of(uint64_t id, int new_tokens) {
  GenerateRequest request{
      .id = RequestId{id},
      .shard = int(id % 4),
      .prompt = std::vector<TokenId>(128, TokenId(id % 1000)),
      .max_new_tokens = new_tokens,
      .end_tokens = {2}};
  request.prompt[0] = TokenId(id); // no prefix in common
  return request;
}

StepResult answer(const StepPlan& plan) {
  StepResult result{.id = plan.id};
  result.rows.resize(plan.rows.size());
  for (size_t i = 0; i < plan.rows.size(); ++i) {
    if (plan.rows[i].heads.sample) {
      result.rows[i].accepted = {TokenId(7 + i)};
    }
  }
  return result;
}

// Who finishes is replaced from the queue and in the queue, so that the
// numbers of running and waiting sequences stay what they are.
struct Load {
  Load(int running, int waiting, int new_tokens)
      : new_tokens(new_tokens),
        scheduler(
            {.max_sequences = running,
             .max_step_tokens = 8192,
             .max_chunk_tokens = 512,
             .max_positions = 1 << 20},
            {.num_blocks = 400000, .block_tokens = 16}) {
    for (int i = 0; i < running + waiting; ++i) {
      submit();
    }
    while (scheduler.waiting() > waiting) {
      const StepPlan plan = scheduler.plan(1 << 20, now_ms += 1);
      commit(plan, answer(plan));
    }
  }

  void submit() { scheduler.submit(request_of(++last_id, new_tokens), now_ms); }

  size_t commit(const StepPlan& plan, StepResult result) {
    scheduler.commit(plan, std::move(result), now_ms);
    size_t finished = 0;
    for (const ShardEvents& list : scheduler.take_events()) {
      for (const TokenEvent& event : list.events) {
        finished += event.finish.has_value();
      }
    }
    return finished;
  }

  int new_tokens;
  Scheduler scheduler;
  uint64_t last_id = 0;
  double now_ms = 0;
};

// The runner's answer and the new requests are not part of the step.
void step(benchmark::State& state) {
  Load load(int(state.range(0)), int(state.range(1)), int(state.range(2)));
  size_t rows = 0;
  StepPlan last = load.scheduler.plan(1 << 20, load.now_ms += 1);
  for (auto _ : state) {
    state.PauseTiming();
    StepResult result = answer(last);
    state.ResumeTiming();
    StepPlan plan = load.scheduler.plan(1 << 20, load.now_ms += 1);
    const size_t finished = load.commit(last, std::move(result));
    last = std::move(plan);
    state.PauseTiming();
    for (size_t i = 0; i < finished; ++i) {
      load.submit();
    }
    rows += last.rows.size();
    state.ResumeTiming();
  }
  state.counters["rows"] =
      benchmark::Counter(double(rows), benchmark::Counter::kAvgIterations);
}

BENCHMARK(step)
    ->ArgNames({"running", "waiting", "new_tokens"})
    ->Args({256, 0, 1 << 19})     // all decode, nobody waits
    ->Args({256, 10000, 1 << 19}) // all decode, many wait
    ->Args({256, 10000, 256})     // about one ends and one begins each step
    ->Iterations(20000)           // the pool lasts that long
    ->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace parallm
