// What a decoder layer does beside weights and attention, at the sizes of
// Qwen3 0.6B: one token (decode), 16, and 512 (prefill).
//   bench_elementwise [--benchmark_filter=...]
// Each with what it costs to launch, and as a rate of the bytes that pass.
#include <benchmark/benchmark.h>

#include "kernels/activation/activation.h"
#include "kernels/expert_choice/expert_choice.h"
#include "kernels/kv_write/kv_write.h"
#include "kernels/kv_write/stored_rows.h"
#include "kernels/linear/panel_weight.h"
#include "kernels/place_kv/place_kv.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"

namespace parallm {
namespace {

constexpr int kWidth = 1024, kHeads = 16, kKvHeads = 8, kHeadDim = 128;
constexpr int kFeedForward = 3072;
constexpr float kEps = 1e-6f;

mx::array numbers(mx::Shape shape, mx::Dtype type = mx::bfloat16) {
  auto array = mx::astype(mx::random::normal(std::move(shape)), type);
  mx::eval(array);
  return array;
}

// Work: () -> arrays. All of them pass once, as does what was read.
template <class Work>
void measure(benchmark::State& run, size_t read_bytes, const Work& work) {
  size_t bytes = 0;
  for (auto _ : run) {
    const std::vector<mx::array> results = work();
    mx::eval(results);
    bytes = read_bytes;
    for (const auto& result : results) {
      bytes += result.nbytes();
    }
  }
  run.SetBytesProcessed(static_cast<int64_t>(run.iterations() * bytes));
}

void add_norm(benchmark::State& run) {
  const int tokens = static_cast<int>(run.range(0));
  const auto x = numbers({tokens, kWidth}), y = numbers({tokens, kWidth});
  const auto weight = numbers({kWidth});
  measure(run, 2 * x.nbytes(), [&] {
    const auto both = add_rms_norm(x, {.y = y}, weight, kEps);
    return std::vector{both.sum, both.normed};
  });
}

void add_then_norm(benchmark::State& run) {
  const int tokens = static_cast<int>(run.range(0));
  const auto x = numbers({tokens, kWidth}), y = numbers({tokens, kWidth});
  const auto weight = numbers({kWidth});
  measure(run, 3 * x.nbytes(), [&] {
    const auto sum = x + y;
    return std::vector{sum, rms_norm(sum, weight, kEps)};
  });
}

std::vector<float> turns() {
  std::vector<float> turns;
  for (int i = 0; i < kHeadDim / 2; ++i) {
    turns.push_back(std::pow(1e6f, -2.0f * i / kHeadDim));
  }
  return turns;
}

void norm_and_rope(benchmark::State& run) {
  const int tokens = static_cast<int>(run.range(0));
  const auto q = numbers({tokens, kHeads * kHeadDim});
  const auto k = numbers({tokens, kKvHeads * kHeadDim});
  const auto weight = numbers({kHeadDim});
  const auto frequencies = mx::array(turns().data(), {kHeadDim / 2});
  const auto positions = mx::arange(1000, 1000 + tokens, mx::int32);
  mx::eval(positions);
  measure(run, q.nbytes() + k.nbytes(), [&] {
    return rope_heads(
        {{q, weight}, {k, weight}}, positions, frequencies,
        {.width = kHeadDim, .eps = kEps});
  });
}

// Before attention: norm, rope and the write of keys and values, by one kernel
// or three.
void place(benchmark::State& run, decltype(place_kv) place) {
  const int tokens = static_cast<int>(run.range(0));
  const auto q = numbers({tokens, kHeads * kHeadDim});
  const auto k = numbers({tokens, kKvHeads * kHeadDim});
  const auto v = numbers({tokens, kKvHeads, kHeadDim});
  const auto weight = numbers({kHeadDim});
  const RopeTurns turns{
      mx::arange(1000, 1000 + tokens, mx::int32),
      mx::array(::parallm::turns().data(), {kHeadDim / 2}),
      {.width = kHeadDim, .eps = kEps}};
  const auto slots = mx::arange(0, tokens, mx::int32);
  const mx::Shape shape{32, kKvHeads, 16, kHeadDim};
  KvPools pools{numbers(shape), numbers(shape)};
  mx::eval(turns.positions, slots);
  for (auto _ : run) {
    auto placed = place({q, weight}, {k, weight}, v, turns, slots, pools);
    pools = placed.pools;
    mx::eval(placed.q, pools.keys, pools.values);
  }
  run.SetBytesProcessed(static_cast<int64_t>(
      run.iterations() * 2 * (q.nbytes() + k.nbytes() + v.nbytes())));
}

// Keys or values alone, into a cache of this type.
void write_kv(benchmark::State& run, mx::Dtype type) {
  const int tokens = static_cast<int>(run.range(0));
  const auto rows = numbers({tokens, kKvHeads, kHeadDim});
  const auto slots = mx::arange(0, tokens, mx::int32);
  auto pool = mx::zeros({32, kKvHeads, 16, stored_items(type, kHeadDim)}, type);
  mx::eval(slots, pool);
  for (auto _ : run) {
    pool = kv_write(pool, rows, slots);
    mx::eval(pool);
  }
  const size_t stored =
      rows.size() / kHeadDim * pool.itemsize() * pool.shape(3);
  run.SetBytesProcessed(
      static_cast<int64_t>(run.iterations() * (rows.nbytes() + stored)));
}

void swiglu(benchmark::State& run) {
  const int tokens = static_cast<int>(run.range(0));
  const auto gate = numbers({tokens, kFeedForward});
  const auto up = numbers({tokens, kFeedForward});
  measure(run, 2 * gate.nbytes(), [&] {
    return std::vector{gated(Activation::kSilu, gate, up)};
  });
}

void activation(benchmark::State& run, Activation kind) {
  const int tokens = static_cast<int>(run.range(0));
  const auto x = numbers({tokens, kFeedForward});
  measure(run, x.nbytes(), [&] { return std::vector{activate(kind, x)}; });
}

// Of a table with 4 bits a number.
void embedding_rows(benchmark::State& run) {
  const int tokens = static_cast<int>(run.range(0));
  auto parts = mx::quantize(numbers({4096, kWidth}), 64, 4);
  const auto table =
      pack({parts[0], parts[1], parts[2], 64, 4}, Activations::kInt8);
  const auto ids =
      mx::random::randint(mx::array(0), mx::array(4096), {tokens}, mx::int32);
  mx::eval(table.panels, ids);
  measure(run, 0, [&] {
    return std::vector{panel_rows(table, ids, mx::bfloat16)};
  });
}

// 8 of 64 experts, and what the plain operations of that cost.
void choice(benchmark::State& run, decltype(choose_experts) choose) {
  const int tokens = static_cast<int>(run.range(0));
  const auto gates = numbers({tokens, 64}, mx::float32);
  measure(run, gates.nbytes(), [&] {
    const auto choice = choose(gates, std::nullopt, 8, {.normalize = true});
    return std::vector{choice.experts, choice.shares};
  });
}

void expert_choice(benchmark::State& run) {
  choice(run, choose_experts);
}

void expert_choice_by_operations(benchmark::State& run) {
  choice(run, choose_experts_reference);
}

void cap(benchmark::State& run) {
  const auto x = numbers({1, 256000}, mx::float32);
  measure(run, x.nbytes(), [&] { return std::vector{softcap(x, 30)}; });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->UseRealTime()->Unit(benchmark::kMicrosecond);
  bench->Arg(1)->Arg(16)->Arg(512)->ArgName("tokens");
}

BENCHMARK(add_norm)->Apply(sizes);
BENCHMARK(add_then_norm)->Apply(sizes);
BENCHMARK(norm_and_rope)->Apply(sizes);
BENCHMARK_CAPTURE(place, one, place_kv)->Apply(sizes);
BENCHMARK_CAPTURE(place, three, place_kv_by_parts)->Apply(sizes);
BENCHMARK_CAPTURE(write_kv, bf16, mx::bfloat16)->Apply(sizes);
BENCHMARK_CAPTURE(write_kv, int8, mx::int8)->Apply(sizes);
BENCHMARK(swiglu)->Apply(sizes);
BENCHMARK_CAPTURE(activation, gelu, Activation::kGelu)->Apply(sizes);
BENCHMARK_CAPTURE(activation, gelu_tanh, Activation::kGeluTanh)->Apply(sizes);
BENCHMARK(embedding_rows)->Apply(sizes);
BENCHMARK(expert_choice)->Apply(sizes);
BENCHMARK(expert_choice_by_operations)->Apply(sizes);
BENCHMARK(cap)->UseRealTime()->Unit(benchmark::kMicrosecond);

} // namespace
} // namespace parallm
