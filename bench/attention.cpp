// Paged attention at the sizes of published models:
//   bench_attention [--benchmark_filter=...]
// Decode: sequences of one token each. Prefill: 512 tokens of one sequence.
// `rate` of decode is keys and values read a second, `flops` of prefill counts
// the products of queries with keys and of weights with values. Each call reads
// other blocks than the last, as layers do, so that no cache holds them.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "kernels/paged_attention/paged_attention.h"

namespace parallm {
namespace {

constexpr int kBlockTokens = 16;
constexpr size_t kPoolBytes = size_t{96} << 20; // three times a large L3

struct Shape {
  int heads;
  int kv_heads;
  int width;
};

constexpr Shape kLlama{32, 8, 64}; // Llama 3.2 1B
constexpr Shape kQwen{16, 8, 128}; // Qwen3 0.6B

mx::array numbers(mx::Shape shape) {
  auto array = mx::astype(mx::random::normal(std::move(shape)), mx::bfloat16);
  mx::eval(array);
  return array;
}

// Block ids in an order without order.
std::vector<int32_t> shuffled(int blocks) {
  std::vector<int32_t> ids(blocks);
  std::iota(ids.begin(), ids.end(), 0);
  std::shuffle(ids.begin(), ids.end(), std::mt19937(7));
  return ids;
}

// `sequences` rows of positions [begin, end), each on blocks of its own.
PagedStep step_of(const int32_t* ids, int sequences, int begin, int end) {
  const int width = (end + kBlockTokens - 1) / kBlockTokens;
  const int tokens = end - begin;
  std::vector<PagedStep::Row> rows;
  std::vector<int32_t> positions;
  for (int i = 0; i < sequences; ++i) {
    rows.push_back({i * tokens, begin, end});
    for (int p = begin; p < end; ++p) {
      positions.push_back(p);
    }
  }
  return {
      rows, mx::array(ids, {sequences, width}, mx::int32),
      mx::array(positions.begin(), {sequences * tokens}, mx::int32)};
}

class Bench {
 public:
  Bench(const Shape& s, int sequences, int begin, int end) : shape_(s) {
    const int blocks = sequences * ((end + kBlockTokens - 1) / kBlockTokens);
    const size_t bytes = size_t{4} * kBlockTokens * s.kv_heads * s.width;
    const int layers =
        static_cast<int>(std::max<size_t>(1, kPoolBytes / (bytes * blocks)));
    const auto ids = shuffled(layers * blocks);
    for (int i = 0; i < layers; ++i) {
      steps_.push_back(step_of(&ids[i * blocks], sequences, begin, end));
    }
    for (int i = 0; i < 2; ++i) {
      pools_.push_back(
          numbers({layers * blocks, s.kv_heads, kBlockTokens, s.width}));
    }
    q_.push_back(numbers({sequences * (end - begin), s.heads, s.width}));
  }

  void run(benchmark::State& state) {
    size_t next = 0;
    for (auto _ : state) {
      mx::eval(paged_attention(
          q_[0], pools_[0], pools_[1], steps_[next++ % steps_.size()],
          {.scale = 0.125f}));
    }
  }

 private:
  Shape shape_;
  std::vector<PagedStep> steps_;
  std::vector<mx::array> q_, pools_;
};

benchmark::Counter rate(double each) {
  return {each, benchmark::Counter::kIsIterationInvariantRate};
}

void decode(benchmark::State& state, const Shape& s) {
  const int sequences = static_cast<int>(state.range(0));
  const int context = static_cast<int>(state.range(1));
  Bench(s, sequences, context - 1, context).run(state);
  const double numbers = 1.0 * sequences * context * s.kv_heads * s.width;
  state.counters["rate"] = rate(2 * 2 * numbers);
  state.counters["flops"] = rate(4 * numbers * s.heads / s.kv_heads);
}

void prefill(benchmark::State& state, const Shape& s) {
  constexpr double kTokens = 512;
  const int begin = static_cast<int>(state.range(0));
  Bench(s, 1, begin, begin + kTokens).run(state);
  const double pairs = kTokens * begin + kTokens * (kTokens + 1) / 2;
  state.counters["flops"] = rate(4 * pairs * s.heads * s.width);
}

void decodes(benchmark::internal::Benchmark* bench) {
  bench->UseRealTime()->ArgNames({"sequences", "context"});
  bench->ArgsProduct({{1, 8, 32}, {1024}})->Args({1, 8192});
}

void prefills(benchmark::internal::Benchmark* bench) {
  bench->UseRealTime()->ArgName("earlier")->Arg(0)->Arg(512)->Arg(1024);
}

BENCHMARK_CAPTURE(decode, llama, kLlama)->Apply(decodes);
BENCHMARK_CAPTURE(decode, qwen, kQwen)->Apply(decodes);
BENCHMARK_CAPTURE(prefill, llama, kLlama)->Apply(prefills);
BENCHMARK_CAPTURE(prefill, qwen, kQwen)->Apply(prefills);

} // namespace
} // namespace parallm
