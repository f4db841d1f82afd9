#include "runtime/resolve.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/version.h"
#include "http/api_keys.h"
#include "kernels/usable_cores.h"
#include "runtime/fingerprint.h"

namespace parallm {

namespace {

namespace fs = std::filesystem;

// Rows and tokens of a step where nobody says. Long steps make everybody
// wait, so that the chunks of a prompt shrink with the size of the weights: one
// takes 0.2 s on two cores with AVX512-VNNI, measured with 1.2e9 numbers of 4
// bits. Steps of half as many tokens cost 5 % of a prompt's speed.
constexpr int kAutoRows = 64;
constexpr int kAutoStepTokens = 2048;
constexpr int kLeastChunkTokens = 32;
constexpr int kMostChunkTokens = 512;
constexpr double kWeightBytesPerChunk = 4.5e10; // tokens times bytes

NumberType number_type(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return NumberType::kF32;
    case WeightType::kF16:
      return NumberType::kF16;
    case WeightType::kBF16:
      return NumberType::kBF16;
    case WeightType::kCheckpoint:
      break;
  }
  return NumberType::kAuto;
}

NumberType number_type(KvType type) {
  switch (type) {
    case KvType::kF32:
      return NumberType::kF32;
    case KvType::kF16:
      return NumberType::kF16;
    case KvType::kBF16:
      return NumberType::kBF16;
    case KvType::kInt8:
      return NumberType::kI8;
    case KvType::kAuto:
      break;
  }
  return NumberType::kAuto;
}

DeviceKind device_kind(DeviceChoice device) {
  switch (device) {
    case DeviceChoice::kCpu:
      return DeviceKind::kCpu;
    case DeviceChoice::kMetal:
      return DeviceKind::kMetal;
    case DeviceChoice::kAuto:
      break;
  }
  return DeviceKind::kAuto;
}

int step_tokens(const ServerConfig& config) {
  return config.engine.max_batch_tokens.value_or(kAutoStepTokens);
}

int step_rows(const ServerConfig& config) {
  const int rows = config.engine.max_batch_size.value_or(
      std::min(kAutoRows, step_tokens(config)));
  if (rows > step_tokens(config)) {
    throw StartError(
        kExitConfig,
        fmt::format(
            "--max-batch-size {} is more than --max-batch-tokens {}: a step "
            "needs a token for each sequence",
            rows, step_tokens(config)));
  }
  return rows;
}

int chunk_tokens(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  const double weights =
      std::max(1.0, static_cast<double>(checkpoint.memory.weights));
  const int chunk = static_cast<int>(std::clamp<double>(
      kWeightBytesPerChunk / weights, kLeastChunkTokens, kMostChunkTokens));
  return std::min(chunk, step_tokens(config));
}

// What was asked for, else a token of each row and two chunks.
int most_step_tokens(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  return config.engine.max_batch_tokens.value_or(std::min(
      kAutoStepTokens,
      step_rows(config) + 2 * chunk_tokens(config, checkpoint)));
}

// The kernels of a device are of one kind in this version.
std::string numerics_of(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  const bool invariant = checkpoint.batch_invariant;
  const auto unwanted =
      invariant ? NumericsChoice::kFast : NumericsChoice::kInvariant;
  if (config.engine.numerics == unwanted) {
    throw StartError(
        kExitConfig,
        fmt::format(
            "--numerics {}: the kernels of this device are {}; use auto",
            word_of(unwanted), invariant ? "batch-invariant" : "not"));
  }
  return invariant ? "invariant" : "fast";
}

// The last part of the path, whichever way it is written: "models/x/" is x.
std::string model_name(const std::string& path) {
  std::error_code ignored; // then the name is what was given
  const fs::path whole = fs::weakly_canonical(path, ignored);
  const std::string name = whole.filename().string();
  return name.empty() ? path : name;
}

// generation_config.json, unless it is switched off, before the API's own.
SamplingDefaults sampling_defaults(
    const ServerConfig& config, const CheckpointSampling& checkpoint) {
  if (config.model.generation_config == GenerationDefaults::kNone) {
    return {};
  }
  const SamplingDefaults api;
  return {
      .temperature = checkpoint.temperature.value_or(api.temperature),
      .top_p = checkpoint.top_p.value_or(api.top_p),
      .min_p = checkpoint.min_p.value_or(api.min_p),
      .repetition_penalty =
          checkpoint.repetition_penalty.value_or(api.repetition_penalty),
      .top_k = checkpoint.top_k.value_or(api.top_k)};
}

int64_t capacity_tokens(const CheckpointSummary& checkpoint) {
  return int64_t{checkpoint.geometry.blocks} * checkpoint.geometry.block_tokens;
}

// For what jobs hold beside weights and cache; a guess that leaves room.
int64_t job_budget(const Machine& machine) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  return std::clamp(machine.memory_bytes / 8, kGiB, 16 * kGiB);
}

int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

} // namespace

Machine this_machine() {
  return {
      .cores = usable_cores(),
      .memory_bytes = static_cast<int64_t>(machine_memory().total)};
}

RunnerOptions runner_options(
    const ServerConfig& config, const Machine& machine) {
  RunnerOptions options{
      .path = config.model.path,
      .adapter = config.model.lora_path,
      .device = device_kind(config.engine.device),
      .dtype = number_type(config.model.dtype),
      .kv_dtype = number_type(config.model.kv_cache_dtype),
      .exact_activations = config.engine.cpu_exact,
      .block_tokens = config.engine.block_size,
      .max_sequences = step_rows(config),
      .max_step_tokens = step_tokens(config),
      .max_positions = config.model.max_model_len,
      .answer_bytes = static_cast<size_t>(job_budget(machine)),
      .use_generation_config =
          config.model.generation_config == GenerationDefaults::kAuto,
      .kernel_threads = kernel_threads(config, machine)};
  options.memory.fraction = config.engine.memory_fraction;
  if (config.engine.kv_memory) {
    options.memory.kv_bytes = static_cast<size_t>(*config.engine.kv_memory);
  }
  return options;
}

EngineOptions engine_options(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  EngineOptions options;
  options.limits = {
      .max_sequences = step_rows(config),
      .max_step_tokens = most_step_tokens(config, checkpoint),
      .max_chunk_tokens = chunk_tokens(config, checkpoint),
      .max_positions = checkpoint.geometry.max_positions,
      .prefix_cache = config.engine.prefix_cache,
      .has_states = checkpoint.has_states};
  options.geometry = {
      checkpoint.geometry.blocks, checkpoint.geometry.block_tokens};
  return options;
}

DeliveryLimits delivery_limits(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine) {
  return {
      .max_queue = config.engine.max_queue,
      .max_queue_tokens = config.engine.max_queue_tokens.value_or(
          4 * capacity_tokens(checkpoint)),
      .max_buffered_bytes =
          static_cast<size_t>(config.network.max_buffered_bytes),
      .max_job_bytes = job_budget(machine)};
}

http::ServerOptions server_options(
    const ServerConfig& config, const Machine& machine) {
  const NetworkSettings& network = config.network;
  http::ServerOptions options;
  options.host = network.host;
  options.port = network.port;
  options.shards =
      network.io_shards.value_or(std::clamp(machine.cores / 2, 1, 8));
  options.max_connections = network.max_connections;
  options.max_body_bytes = network.max_body;
  options.tls_cert_file = network.tls_cert_file;
  options.tls_key_file = network.tls_key_file;
  options.cors_origins = network.cors_origins;
  options.cors_exposed = {
      "x-request-id", "retry-after", "x-parallm-inert", "x-parallm-queue-ms",
      "x-parallm-weight-version"};
  if (!network.api_key_file.empty()) {
    options.api_keys = http::read_api_keys(network.api_key_file);
  }
  options.server_name = fmt::format("parallm/{}", kVersion);
  return options;
}

int kernel_threads(const ServerConfig& config, const Machine& machine) {
  return config.engine.threads.value_or(machine.cores);
}

int text_threads(const ServerConfig& config, const Machine& machine) {
  return config.network.text_threads.value_or(
      std::clamp(machine.cores / 2, 1, 8));
}

ApiLimits api_limits(
    const ServerConfig& config,
    const CheckpointSummary& checkpoint,
    const Machine& machine) {
  const RequestSettings& requests = config.requests;
  return {
      .max_choices = requests.max_choices,
      .max_logprobs = requests.max_logprobs,
      .kv_capacity_tokens = capacity_tokens(checkpoint),
      .max_job_bytes = job_budget(machine),
      .unknown_fields = requests.unknown_fields == UnknownFieldPolicy::kWarn
                            ? UnknownFields::kWarn
                            : UnknownFields::kRefuse,
      .strict_max_tokens = requests.strict_max_tokens,
      .allow_request_template = requests.allow_request_template,
      .metrics_auth = config.log.metrics_auth,
      .sse_keepalive = config.network.sse_keepalive,
      .request_timeout = requests.timeout,
      .stall_timeout = config.engine.stall_timeout};
}

ModelCard model_card(
    const ServerConfig& config, const CheckpointSummary& checkpoint) {
  ModelCard card{
      .id = model_name(config.model.path),
      .aliases = config.model.aliases,
      .created = now_s(),
      .root = model_name(config.model.path),
      .max_model_len = checkpoint.geometry.max_positions,
      .vocab = checkpoint.geometry.vocab,
      .defaults = sampling_defaults(config, checkpoint.sampling),
      .adapter = config.model.lora_path.empty()
                     ? ""
                     : model_name(config.model.lora_path),
      .quantization = checkpoint.quantization,
      .numerics = numerics_of(config, checkpoint),
      .end_tokens = checkpoint.end_tokens};
  card.system_fingerprint = system_fingerprint(
      config.model.path, config.model.lora_path,
      fmt::format(
          "{} {} {} {} {} {} {}", kVersion, card.numerics,
          config.engine.cpu_exact, card.weight_version,
          word_of(config.engine.device), word_of(config.model.dtype),
          word_of(config.model.kv_cache_dtype)));
  return card;
}

} // namespace parallm
