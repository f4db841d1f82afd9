// The head of a step: what is drawn from rows of logits, and what is said of
// it.
//   bench_sampling [--benchmark_filter=...]
// Each case by rows and vocabulary (Llama 3, Qwen 3), as a rate of the bytes
// that must pass: the logits, read once.
#include <benchmark/benchmark.h>

#include "kernels/logprob/logprob.h"
#include "kernels/sample/sample.h"

namespace parallm {
namespace {

// Twice the spread of a normal distribution is about that of a small model.
mx::array logits_of(const benchmark::State& run) {
  auto logits = mx::array(2.0f) * mx::random::normal(
                                      {static_cast<int>(run.range(0)),
                                       static_cast<int>(run.range(1))});
  mx::eval(logits);
  return logits;
}

void count(benchmark::State& run, const mx::array& logits) {
  run.SetBytesProcessed(
      static_cast<int64_t>(run.iterations() * logits.nbytes()));
  run.SetItemsProcessed(run.iterations() * run.range(0));
}

std::shared_ptr<const DrawRows> rows_like(
    const benchmark::State& run, DrawRow row, uint32_t position) {
  DrawRows rows(static_cast<size_t>(run.range(0)), row);
  for (size_t r = 0; r < rows.size(); ++r) {
    rows[r].noise = {.seed = r, .choice = 0, .position = position};
  }
  return std::make_shared<const DrawRows>(std::move(rows));
}

void draws(benchmark::State& run, DrawRow row) {
  const auto logits = logits_of(run);
  uint32_t position = 0;
  for (auto _ : run) {
    const auto drawn = draw(logits, rows_like(run, row, position++));
    mx::eval(drawn.ids, drawn.status);
  }
  count(run, logits);
}

void logprobs(benchmark::State& run) {
  const auto logits = logits_of(run);
  std::vector<int32_t> rows;
  for (int r = 0; r < run.range(0); ++r) {
    rows.push_back(r);
  }
  const auto tokens = mx::full({static_cast<int>(run.range(0))}, 77, mx::int32);
  for (auto _ : run) {
    const auto scores = score(logits, tokens, rows, 5);
    mx::eval(
        scores.logprobs, scores.ranks, scores.top_ids, scores.top_logprobs);
  }
  count(run, logits);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"rows", "vocab"})->Unit(benchmark::kMicrosecond);
  for (int rows : {1, 8, 32, 64}) {
    bench->Args({rows, 128'256});
  }
  bench->Args({1, 151'936})->Args({32, 151'936});
  bench->UseRealTime();
}

BENCHMARK_CAPTURE(draws, greedy, DrawRow{.temperature = 0})->Apply(sizes);
BENCHMARK_CAPTURE(draws, temperature, DrawRow{.temperature = 1})->Apply(sizes);
BENCHMARK_CAPTURE(
    draws,
    top_k_top_p,
    DrawRow{.temperature = 0.8f, .top_k = 40, .top_p = 0.95f})
    ->Apply(sizes);
BENCHMARK_CAPTURE(draws, top_p, DrawRow{.temperature = 0.8f, .top_p = 0.95f})
    ->Apply(sizes);
BENCHMARK_CAPTURE(draws, min_p, DrawRow{.temperature = 1, .min_p = 0.05f})
    ->Apply(sizes);
BENCHMARK(logprobs)->Apply(sizes);

} // namespace
} // namespace parallm
