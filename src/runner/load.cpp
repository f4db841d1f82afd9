#include "runner/load.h"

#include <algorithm>
#include <chrono>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/check.h"
#include "base/log.h"
#include "kernels/kernel_pool.h"
#include "models/arch_text.h"
#include "models/load.h"
#include "runner/load_progress.h"
#include "runner/runner.h"

namespace parallm {
namespace {

std::optional<mx::Dtype> dtype_of(NumberType type) {
  switch (type) {
    case NumberType::kF32:
      return mx::float32;
    case NumberType::kF16:
      return mx::float16;
    case NumberType::kBF16:
      return mx::bfloat16;
    case NumberType::kI8:
      return mx::int8;
    case NumberType::kAuto:
      break;
  }
  return std::nullopt;
}

LoadOptions load_options(const RunnerOptions& options) {
  return {
      .dtype = dtype_of(options.dtype),
      .use_generation_config = options.use_generation_config,
      .adapter = options.adapter,
      .activations = options.exact_activations ? Activations::kFloat32
                                               : Activations::kInt8};
}

// A line of the log every few seconds, for whoever waits.
OnProgress log_progress() {
  using Clock = std::chrono::steady_clock;
  return [start = Clock::now(), progress = LoadProgress()](
             size_t read, size_t all) mutable {
    const std::chrono::duration<double> spent = Clock::now() - start;
    if (const auto line = progress.line(spent.count(), read, all)) {
      log::info("{}", *line);
    }
  };
}

void expect_device(DeviceKind device) {
  if (device == DeviceKind::kMetal && !mx::is_available(mx::Device::gpu)) {
    throw StartError(
        kExitUnavailable, "--device metal: this machine has no Metal device");
  }
}

// Auto is the CPU even where MLX would rather take Metal: our own kernels,
// which give a row the same bits in any batch, are the CPU's, and the
// reference operations that stand in for them on a GPU copy the whole pool of
// keys and values in each step.
bool runs_on_cpu(DeviceKind device) {
  return device != DeviceKind::kMetal;
}

// Of this thread, for all that it builds.
void use_device(DeviceKind device) {
  mx::set_default_device(
      runs_on_cpu(device) ? mx::Device::cpu : mx::Device::gpu);
}

KvGeometry kv_geometry(const RunnerOptions& options, const ModelShape& shape) {
  const auto automatic =
      shape.dtype == mx::float32 ? mx::float32 : mx::bfloat16;
  return {
      .layers = shape.kv_layers,
      .blocks = 0,
      .block_tokens = options.block_tokens,
      .kv_heads = shape.kv_heads,
      .head_dim = shape.head_dim,
      .latent = shape.latent,
      .dtype = dtype_of(options.kv_dtype).value_or(automatic),
      .states = shape.states,
      .state_slots = options.max_sequences};
}

// Of a token in the layers: what a layer keeps alive, and the input of one
// product as float32, or with an adapter the product and the sum with the
// layer's besides, each as wide as the widest.
size_t token_bytes(const ModelFacts& facts, bool adapted) {
  const auto number = static_cast<size_t>(facts.shape.dtype.size());
  const size_t widest_floats = sizeof(float) * widest(facts.arch);
  const size_t copies = (number < sizeof(float) ? 1 : 0) + (adapted ? 2 : 0);
  return number * floats_per_token(facts.arch) + copies * widest_floats;
}

// Of one step: that of its tokens in the layers, or a slice of prompt scores
// when those have run; and the logits of every row with a copy to work on, or
// with the product and the sum of an adapted head.
size_t working_bytes(const RunnerOptions& options, const ModelFacts& facts) {
  const bool adapted = !options.adapter.empty();
  const auto tokens = static_cast<size_t>(options.max_step_tokens);
  const auto rows = static_cast<size_t>(
      std::min(options.max_sequences, options.max_step_tokens));
  const size_t logits = sizeof(float) * static_cast<size_t>(facts.arch.vocab);
  const size_t scores = std::min(size_t{64} << 20, logits * size_t{256});
  return std::max(tokens * token_bytes(facts, adapted), scores) +
         rows * (adapted ? 3 : 2) * logits;
}

// The checkpoint's, or fewer if so asked. Positions that the model was not
// made for would come out as nonsense.
int positions_of(const RunnerOptions& options, const ModelShape& shape) {
  const int asked = options.max_positions.value_or(shape.max_positions);
  if (asked > shape.max_positions) {
    throw StartError(
        kExitConfig, fmt::format(
                         "--max-model-len {}: {} allows at most {} "
                         "(max_position_embeddings)",
                         asked, (options.path / "config.json").string(),
                         shape.max_positions));
  }
  return asked;
}

// Whether the heap can be told to keep large buffers that were freed.
#ifdef __GLIBC__
constexpr bool kHeapKeeps = true;
#else
constexpr bool kHeapKeeps = false;
#endif

// What no formula counts: small buffers, operations, the stacks of threads:
// bench_memory saw 4.5 to 8.9 MiB over five families. And on the CPU buffers
// that were freed, which lie beside those in use where they do not fit: it saw
// 0.7 to 1 times a step's over three families.
size_t heap_bytes(const RunnerOptions& options, size_t working) {
  constexpr size_t kSmall = size_t{7} << 20;
  return kSmall + (kHeapKeeps && runs_on_cpu(options.device) ? working : 0);
}

MemoryNeeds needs_of(
    const RunnerOptions& options,
    const ModelFacts& facts,
    const KvGeometry& geometry) {
  KvGeometry one_block = geometry;
  one_block.blocks = 1;
  const size_t working = working_bytes(options, facts);
  return {
      .weights = facts.weight_bytes,
      .making = facts.making_bytes,
      .working = working,
      .answers = options.answer_bytes,
      .heap = heap_bytes(options, working),
      .states = state_bytes(geometry),
      .block = kv_bytes_per_block(one_block),
      .block_tokens = options.block_tokens,
      .max_positions = positions_of(options, facts.shape),
      .max_sequences = options.max_sequences};
}

// MLX keeps no freed buffer, the heap does: new pages for each layer's results
// took a fifth of a prefill. Unless they are set, both limits move by
// themselves.
void keep_buffers_in_heap() {
  mx::set_cache_limit(0);
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20); // the most that it takes
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

// Metal is slow to allocate.
void bound_cache(const RunnerOptions& options, const MemoryPlan& plan) {
  if (runs_on_cpu(options.device)) {
    keep_buffers_in_heap();
  } else {
    mx::set_cache_limit(std::max(plan.working, size_t{64} << 20));
  }
}

// On the CPU MLX prepares up to a hundred operations ahead of the one that
// runs, each with its buffer. Beyond the plan it waits for those that run.
void bound_working_memory(
    const RunnerOptions& options, const MemoryPlan& plan) {
  if (runs_on_cpu(options.device)) {
    mx::set_memory_limit(mx::get_active_memory() + plan.working);
  }
}

} // namespace

CheckpointSummary inspect_checkpoint(const RunnerOptions& options) {
  return with_plan(read_checkpoint(options), options);
}

CheckpointSummary with_plan(
    CheckpointSummary checkpoint, const RunnerOptions& options) {
  checkpoint.memory =
      plan_memory(checkpoint.needs, options.memory, machine_memory());
  checkpoint.geometry.blocks = checkpoint.memory.blocks;
  checkpoint.geometry.max_positions = checkpoint.memory.max_positions;
  return checkpoint;
}

CheckpointSummary read_checkpoint(const RunnerOptions& options) {
  expect_device(options.device);
  const ModelFacts facts =
      read_model_facts(options.path, load_options(options));
  const MemoryNeeds needs =
      needs_of(options, facts, kv_geometry(options, facts.shape));
  return {
      .geometry =
          {0, options.block_tokens, needs.max_positions, facts.shape.vocab},
      .needs = needs,
      .model_type = facts.arch.model_type,
      .layers = facts.shape.layers,
      .parameters = facts.parameters,
      .checkpoint_positions = facts.shape.max_positions,
      .quantization = facts.arch.quantization.text(),
      .architecture = text_of(facts.arch),
      .weights = text_of(facts.weights),
      .left_out = facts.left_out,
      .adapter = facts.adapter,
      .has_states = !facts.shape.states.empty(),
      .batch_invariant = runs_on_cpu(options.device),
      .end_tokens = facts.end_tokens,
      .sampling = facts.sampling};
}

std::unique_ptr<ModelRunner> load_runner(
    const RunnerOptions& options, const CheckpointSummary& summary) {
  use_device(options.device);
  if (options.kernel_threads) {
    set_kernel_threads(*options.kernel_threads);
  }
  bound_cache(options, summary.memory);
  LoadOptions load = load_options(options);
  load.on_progress = log_progress();
  auto model = load_model(options.path, load);
  KvGeometry geometry = kv_geometry(options, model->shape());
  geometry.blocks = summary.geometry.blocks;
  auto runner = std::make_unique<Runner>(std::move(model), geometry);
  bound_working_memory(options, summary.memory);
  return runner;
}

} // namespace parallm
