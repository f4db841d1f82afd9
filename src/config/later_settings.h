#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/server_config.h"

// Settings that are known and do nothing yet. Each moves to ServerConfig
// together with its feature; until then only its default is accepted.
namespace parallm {

struct LaterSettings {
  std::vector<std::string> lora{}; // NAME=PATH
  std::string tool_format = "auto";
  std::string reasoning_format = "auto";
  std::string pooling = "auto";
  int max_loras = 8;
  int max_models = 1;
  std::string draft_model{};
  std::string speculation = "off";
  bool isolate_keys = false;
  bool admin = false;
  std::optional<double> prefill_chunk_ms{};
  std::string prefix_cache_dir{};
  Milliseconds grammar_timeout{2'000};
  Bytes grammar_memory = Bytes(64) << 20;
  bool allow_remote_media = false;
  Bytes response_store = Bytes(256) << 20;
  std::string data_dir{};
  std::string otlp_endpoint{};
};

// Of the Python project that we succeed. Accepted, checked, without effect:
// continuous batching has no use for them.
struct AncestorSettings {
  double batch_timeout = 0.1; // seconds
  int max_concurrent_streams = 4;
  std::string scheduler = "continuous";
};

// All that a user may say.
struct AskedConfig : ServerConfig {
  LaterSettings later{};
  AncestorSettings ancestor{};
};

} // namespace parallm
