// Products with packed weights at the sizes of published models, weights from
// memory: many equal matrices in turn, more than any cache holds.
//   bench_linear [--benchmark_filter=...]
// GB/s of weights and GOP/s, each also as a share of what bench_roofline says.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

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

struct Form {
  const char* mode;
  QuantMode quant;
  int bits, group_size;
};
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

// The same numbers at as many places as no cache holds.
std::vector<PanelWeight> cold_weights(const Shape& shape, const Form& form) {
  const auto source = quantized(shape, form);
  std::vector<PanelWeight> weights;
  size_t bytes = 0;
  while (bytes < kColdBytes) {
    weights.push_back(pack(source, Activations::kInt8));
    mx::eval(weights.back().panels);
    bytes += weights.back().panels.nbytes();
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
}

void product(benchmark::State& run, const Shape& shape, const Form& form) {
  const int rows = static_cast<int>(run.range(0));
  const auto weights = cold_weights(shape, form);
  const auto x =
      mx::astype(mx::random::normal({rows, shape.inputs}), mx::bfloat16);
  mx::eval(x);
  size_t turn = 0;
  for (auto _ : run) {
    const auto& weight = weights[turn++ % weights.size()];
    mx::eval(linear(x, weight, std::nullopt, mx::bfloat16));
  }
  tell(
      run, static_cast<double>(weights[0].panels.nbytes()),
      2.0 * rows * shape.outputs * shape.inputs);
}

void register_all() {
  for (const Shape& shape : kShapes) {
    for (const Form& form : kForms) {
      const auto name = std::string(shape.name) + "/" + form.mode +
                        std::to_string(form.bits) + "g" +
                        std::to_string(form.group_size);
      auto* bench = benchmark::RegisterBenchmark(
          name.c_str(),
          [&](benchmark::State& run) { product(run, shape, form); });
      bench->UseRealTime()->ArgName("rows");
      for (int rows : {1, 2, 4, 8, 16, 32, 128, 512}) {
        bench->Arg(rows);
      }
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
