// Products with packed and with dense weights at the sizes of published models,
// weights from memory: many equal matrices in turn, more than any cache holds.
// Of experts, those that random tokens visit count, each once.
//   bench_linear [--benchmark_filter=experts|rows_of]
// GB/s of weights and GOP/s, each also as a share of what bench_roofline says.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>
#include <string>

#include "kernels/experts/expert_linear.h"
#include "kernels/linear/linear.h"
#include "kernels/roofline.h"

namespace parallm {
namespace {

constexpr size_t kColdBytes = size_t{256} << 20;

struct Shape {
  const char* name;
  int outputs, inputs;
};
constexpr Shape kShapes[] = {
    {"llama1b_qo", 2048, 2048},   {"llama1b_up", 8192, 2048},
    {"llama1b_down", 2048, 8192}, {"llama1b_head", 128256, 2048},
    {"qwen600m_q", 2048, 1024},   {"qwen600m_up", 3072, 1024},
    {"qwen600m_down", 1024, 3072}};

// Of tokens, as wide as Llama 1B's.
constexpr Shape kTable = {"table", 16384, 2048};

struct Experts {
  Shape shape; // of one
  int experts, per_token;
};
constexpr Experts kExperts[] = {
    {{"qwen30b_a3b_up", 768, 2048}, 128, 8},
    {{"qwen30b_a3b_down", 2048, 768}, 128, 8},
    {{"gpt_oss_20b_down", 2880, 2880}, 32, 4}};

struct Form {
  const char* mode;
  QuantMode quant;
  int bits, group_size;
};
constexpr Form kExpertForms[] = {
    {"affine", QuantMode::kAffine, 4, 64}, {"mxfp4", QuantMode::kMxfp4, 4, 32}};
constexpr Form kForms[] = {{"affine", QuantMode::kAffine, 4, 64},
                           {"affine", QuantMode::kAffine, 8, 64},
                           {"affine", QuantMode::kAffine, 2, 64},
                           {"affine", QuantMode::kAffine, 3, 64},
                           {"affine", QuantMode::kAffine, 5, 64},
                           {"affine", QuantMode::kAffine, 6, 64},
                           {"affine", QuantMode::kAffine, 4, 32},
                           {"affine", QuantMode::kAffine, 4, 128},
                           {"mxfp4", QuantMode::kMxfp4, 4, 32},
                           {"nvfp4", QuantMode::kNvfp4, 4, 16},
                           {"mxfp8", QuantMode::kMxfp8, 8, 32}};

struct Dense {
  const char* name;
  mx::Dtype dtype;
};
constexpr Dense kDense[] = {
    {"bf16", mx::bfloat16}, {"f16", mx::float16}, {"f32", mx::float32}};

const Roofline& roof() {
  static const Roofline measured = measure_roofline(kernel_pool());
  return measured;
}

QuantizedWeight quantized(const Shape& shape, const Form& form) {
  const auto dense = mx::astype(
      mx::random::normal({shape.outputs, shape.inputs}), mx::bfloat16);
  auto parts = mx::quantize(dense, form.group_size, form.bits, form.mode);
  mx::eval(parts);
  QuantizedWeight weight{
      .packed = parts[0],
      .scales = parts[1],
      .biases = std::nullopt,
      .group_size = form.group_size,
      .bits = form.bits,
      .mode = form.quant};
  if (parts.size() > 2) {
    weight.biases = parts[2];
  }
  return weight;
}

// So many experts that are one and the same.
QuantizedWeight stacked(QuantizedWeight weight, int experts) {
  const auto stack = [&](const mx::array& one) {
    return mx::repeat(mx::expand_dims(one, 0), experts, 0);
  };
  weight.packed = stack(weight.packed);
  weight.scales = stack(weight.scales);
  if (weight.biases) {
    weight.biases = stack(*weight.biases);
  }
  return weight;
}

// The same numbers at as many places as no cache holds.
std::vector<PanelWeight> cold_weights(const QuantizedWeight& source) {
  std::vector<PanelWeight> weights;
  size_t bytes = 0;
  while (bytes < kColdBytes) {
    weights.push_back(pack(source, Activations::kInt8));
    mx::eval(weights.back().panels);
    bytes += weights.back().panels.nbytes();
  }
  return weights;
}

std::vector<mx::array> cold_weights(const mx::array& source) {
  std::vector<mx::array> weights;
  size_t bytes = 0;
  while (bytes < kColdBytes) {
    weights.push_back(mx::negative(source)); // a copy would be the same memory
    mx::eval(weights.back());
    bytes += weights.back().nbytes();
  }
  return weights;
}

void tell(benchmark::State& run, double bytes, double operations) {
  using benchmark::Counter;
  const auto rate = Counter::kIsIterationInvariantRate;
  run.counters["GB/s"] = Counter(bytes / 1e9, rate);
  run.counters["GOP/s"] = Counter(operations / 1e9, rate);
  run.counters["of_memory"] = Counter(bytes / 1e9 / roof().read_gb_s, rate);
  if (roof().int8_gop_s > 0) {
    run.counters["of_int8"] =
        Counter(operations / 1e9 / roof().int8_gop_s, rate);
  }
  run.counters["of_f32"] = Counter(operations / 1e9 / roof().f32_gflop_s, rate);
  if (roof().bf16_gflop_s > 0) {
    run.counters["of_bf16"] =
        Counter(operations / 1e9 / roof().bf16_gflop_s, rate);
  }
}

template <class Weight>
void multiply_in_turn(
    benchmark::State& run,
    const mx::array& x,
    const std::vector<Weight>& weights,
    mx::Dtype out) {
  mx::eval(x);
  size_t turn = 0;
  for (auto _ : run) {
    const auto& weight = weights[turn++ % weights.size()];
    mx::eval(linear(x, weight, std::nullopt, out));
  }
}

void product(benchmark::State& run, const Shape& shape, const Form& form) {
  const int rows = static_cast<int>(run.range(0));
  const auto weights = cold_weights(quantized(shape, form));
  const auto x =
      mx::astype(mx::random::normal({rows, shape.inputs}), mx::bfloat16);
  multiply_in_turn(run, x, weights, mx::bfloat16);
  tell(
      run, static_cast<double>(weights[0].panels.nbytes()),
      2.0 * rows * shape.outputs * shape.inputs);
}

void dense_product(benchmark::State& run, const Shape& shape, mx::Dtype dtype) {
  const int rows = static_cast<int>(run.range(0));
  const auto weights = cold_weights(
      mx::astype(mx::random::normal({shape.outputs, shape.inputs}), dtype));
  const auto x = mx::astype(mx::random::normal({rows, shape.inputs}), dtype);
  multiply_in_turn(run, x, weights, dtype);
  tell(
      run, static_cast<double>(weights[0].nbytes()),
      2.0 * rows * shape.outputs * shape.inputs);
}

// Which experts the tokens of a step visit, all as likely.
struct Visits {
  mx::array ids; // (T, k)
  size_t experts;
};

Visits random_visits(const Experts& of, int tokens, std::mt19937& random) {
  std::vector<int32_t> all(of.experts), ids;
  std::iota(all.begin(), all.end(), 0);
  for (int t = 0; t < tokens; ++t) {
    std::shuffle(all.begin(), all.end(), random);
    ids.insert(ids.end(), all.begin(), all.begin() + of.per_token);
  }
  return {
      mx::array(ids.begin(), {tokens, of.per_token}),
      std::set(ids.begin(), ids.end()).size()};
}

// Other experts in each of so many steps, or a cache would hold them.
constexpr int kSteps = 64;

void expert_product(
    benchmark::State& run, const Experts& of, const Form& form) {
  const int tokens = static_cast<int>(run.range(0));
  const auto weights =
      cold_weights(stacked(quantized(of.shape, form), of.experts));
  const auto x =
      mx::astype(mx::random::normal({tokens, of.shape.inputs}), mx::bfloat16);
  mx::eval(x);
  std::vector<Visits> steps;
  std::mt19937 random(1);
  double visited = 0;
  for (int i = 0; i < kSteps; ++i) {
    steps.push_back(random_visits(of, tokens, random));
    visited += static_cast<double>(steps.back().experts) / kSteps;
  }
  size_t turn = 0;
  for (auto _ : run) {
    const auto& weight = weights[turn % weights.size()];
    const auto& ids = steps[turn++ % kSteps].ids;
    mx::eval(expert_linear(x, ids, weight, std::nullopt, mx::bfloat16));
  }
  tell(
      run, weights[0].panels.nbytes() / of.experts * visited,
      2.0 * tokens * of.per_token * of.shape.outputs * of.shape.inputs);
}

// What an embedding reads of its table. No products.
void unpacked_rows(benchmark::State& run, const Form& form) {
  const auto count = static_cast<int>(run.range(0));
  const auto table = pack(quantized(kTable, form), Activations::kInt8);
  const auto ids = mx::random::randint(0, kTable.outputs, {count}, mx::int32);
  mx::eval(table.panels, ids);
  for (auto _ : run) {
    mx::eval(panel_rows(table, ids, mx::bfloat16));
  }
}

std::string name_of(const Shape& shape, const Form& form) {
  return std::string(shape.name) + "/" + form.mode + std::to_string(form.bits) +
         "g" + std::to_string(form.group_size);
}

template <class Measure>
void add(
    const std::string& name, const char* argument, const Measure& measure) {
  auto* bench = benchmark::RegisterBenchmark(name.c_str(), measure);
  bench->UseRealTime()->ArgName(argument);
  for (int rows : {1, 2, 4, 8, 16, 32, 128, 512}) {
    bench->Arg(rows);
  }
}

void register_all() {
  for (const Shape& shape : kShapes) {
    for (const Form& form : kForms) {
      add(name_of(shape, form), "rows",
          [&](benchmark::State& run) { product(run, shape, form); });
    }
    for (const auto& [name, dtype] : kDense) {
      add(std::string(shape.name) + "/" + name, "rows",
          [&](benchmark::State& run) { dense_product(run, shape, dtype); });
    }
  }
  for (const Form& form : kForms) {
    add("rows_of/" + name_of(kTable, form), "rows",
        [&](benchmark::State& run) { unpacked_rows(run, form); });
  }
  for (const Experts& of : kExperts) {
    for (const Form& form : kExpertForms) {
      add("experts/" + name_of(of.shape, form), "tokens",
          [&](benchmark::State& run) { expert_product(run, of, form); });
    }
  }
}

} // namespace
} // namespace parallm

int main(int argc, char** argv) {
  parallm::mx::set_default_device(parallm::mx::Device::cpu);
  parallm::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
