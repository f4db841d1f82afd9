// The kernels that go on from a state, at the sizes of published models:
//   bench_recurrence [--benchmark_filter=...]
// Rows of one token each (decode), or one row of many (prefill). Each also as a
// rate of the bytes that must pass: states, in and out, read and written once.
#include <benchmark/benchmark.h>

#include "kernels/causal_conv/causal_conv.h"
#include "kernels/gated_delta/gated_delta.h"
#include "kernels/selective_scan/selective_scan.h"

namespace parallm {
namespace {

// Rows and tokens of each.
std::vector<StateRow> rows_of(const benchmark::State& run) {
  std::vector<StateRow> rows;
  const int tokens = static_cast<int>(run.range(1));
  for (int i = 0; i < run.range(0); ++i) {
    rows.push_back({.slot = i, .first_token = i * tokens, .tokens = tokens});
  }
  return rows;
}

int tokens_of(const benchmark::State& run) {
  return static_cast<int>(run.range(0) * run.range(1));
}

mx::array numbers(mx::Shape shape, mx::Dtype type = mx::bfloat16) {
  auto array = mx::astype(mx::random::normal(std::move(shape)), type);
  mx::eval(array);
  return array;
}

template <class Advance>
void measure(
    benchmark::State& run, int state_floats, int columns, Advance advance) {
  const auto rows = rows_of(run);
  auto states =
      numbers({static_cast<int>(rows.size()), state_floats}, mx::float32);
  size_t bytes = 0;
  for (auto _ : run) {
    auto done = advance(states, rows);
    mx::eval(done.out, done.states);
    states = done.states;
    bytes = 2 * states.nbytes() + done.out.nbytes() +
            static_cast<size_t>(tokens_of(run)) * columns * 2;
  }
  run.SetBytesProcessed(static_cast<int64_t>(run.iterations() * bytes));
  run.SetItemsProcessed(run.iterations() * tokens_of(run));
}

// Qwen3-Next 80B-A3B: 16 heads of keys, 32 of values, 128 each; 4 taps.
constexpr DeltaShape kDelta{16, 32, 128, 128};
// Granite 4.0 H Small: 128 heads of 64, one group of 128.
constexpr ScanShape kScan{128, 64, 1, 128};

void conv(benchmark::State& run) {
  const int channels = delta_columns(kDelta), taps = 4;
  const auto weight = numbers({taps, channels});
  const auto x = numbers({tokens_of(run), channels});
  measure(
      run, (taps - 1) * channels, channels,
      [&](const mx::array& states, const auto& rows) {
        return causal_conv(x, weight, std::nullopt, states, rows);
      });
}

void delta(benchmark::State& run) {
  const int heads = kDelta.value_heads, columns = delta_columns(kDelta);
  const auto qkv = numbers({tokens_of(run), columns});
  const auto a = numbers({tokens_of(run), heads});
  const DeltaWeights weights{
      numbers({heads}, mx::float32), numbers({heads}, mx::float32)};
  measure(
      run, delta_state_floats(kDelta), columns,
      [&](const mx::array& states, const auto& rows) {
        return gated_delta(qkv, a, a, kDelta, weights, states, rows);
      });
}

void scan(benchmark::State& run) {
  const int columns = scan_columns(kScan);
  const auto xbc = numbers({tokens_of(run), columns});
  const auto dt = numbers({tokens_of(run), kScan.heads});
  const ScanWeights weights{
      numbers({kScan.heads}, mx::float32), numbers({kScan.heads}, mx::float32),
      numbers({kScan.heads}, mx::float32), 0.001f, 100.0f};
  measure(
      run, scan_state_floats(kScan), columns,
      [&](const mx::array& states, const auto& rows) {
        return selective_scan(xbc, dt, kScan, weights, states, rows);
      });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->UseRealTime();
  bench->Args({1, 1})->Args({16, 1})->Args({1, 512})->ArgNames(
      {"rows", "tokens"});
}

BENCHMARK(conv)->Apply(sizes);
BENCHMARK(delta)->Apply(sizes);
BENCHMARK(scan)->Apply(sizes);

} // namespace
} // namespace parallm
