#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/choices.h"

// What the user asked for, one part for each room that must know. Plain
// values, constant once parsed; any thread. Nothing here has looked at the
// model or the machine: an empty optional leaves the choice to them.
namespace parallm {

using Milliseconds = std::chrono::milliseconds;
using Bytes = uint64_t; // the only unsigned type here; read as a size

struct ModelSettings {
  std::string path{};                 // of a checkpoint folder
  std::vector<std::string> aliases{}; // "*": any name
  std::string lora_path{};            // of an adapter's folder; "": none
  std::optional<int> max_model_len{}; // tokens; none: as the checkpoint says
  WeightType dtype = WeightType::kCheckpoint;
  KvType kv_cache_dtype = KvType::kAuto;
  std::string chat_template_file{}; // "": the checkpoint's own
  GenerationDefaults generation_config = GenerationDefaults::kAuto;
  bool offline = false; // never download; this version never does
};

struct NetworkSettings {
  std::string host = "127.0.0.1"; // or unix:PATH
  int port = 8000;                // 0: any free one
  std::string tls_cert_file{};    // both or none
  std::string tls_key_file{};
  std::vector<std::string> cors_origins{};
  std::string api_key_file{}; // "": every route is open
  Bytes max_body = Bytes(32) << 20;
  int max_connections = 4096;
  Milliseconds sse_keepalive{10'000};
  Bytes max_buffered_bytes = Bytes(1) << 20; // per connection
  std::optional<int> io_shards{};
  std::optional<int> text_threads{};
};

struct EngineSettings {
  DeviceChoice device = DeviceChoice::kAuto;
  std::optional<int> threads{}; // of the CPU kernels; none: one a core
  double memory_fraction = 0.85;
  std::optional<Bytes> kv_memory{};
  int block_size = 16;                   // positions
  std::optional<int> max_batch_size{};   // rows of a step
  std::optional<int> max_batch_tokens{}; // of a step
  bool prefix_cache = true;
  NumericsChoice numerics = NumericsChoice::kAuto;
  bool cpu_exact = false; // activations of quantised layers stay as they are
  int max_queue = 1024;   // requests
  std::optional<int64_t> max_queue_tokens{}; // none: 4 times the KV capacity
  Milliseconds stall_timeout{30'000};
};

struct RequestSettings {
  Milliseconds timeout{0}; // 0: none
  int max_logprobs = 20;
  int max_choices = 2048; // prompts times n
  UnknownFieldPolicy unknown_fields = UnknownFieldPolicy::kRefuse;
  bool strict_max_tokens = false;
  bool allow_request_template = false;
};

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  log::Format format = log::Format::kText;
  RequestLog requests = RequestLog::kMetadata;
  std::string metrics_prefix = "parallm_";
  bool metrics_auth = false; // /metrics needs a key as well
};

struct ServerConfig {
  ModelSettings model{};
  NetworkSettings network{};
  EngineSettings engine{};
  RequestSettings requests{};
  LogSettings log{};
};

} // namespace parallm
