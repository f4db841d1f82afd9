#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/fields.h"
#include "core/generator.h"
#include "core/status.h"
#include "http/api_keys.h"
#include "http/work_pool.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace parallm {

// Sampling when the request is silent (api.md 1.8).
struct SamplingDefaults {
  float temperature = 1;
  float top_p = 1;
  float min_p = 0;
  float repetition_penalty = 1;
  int top_k = 0;
};

// What clients may know about the served model.
struct ModelCard {
  std::string id{};
  std::vector<std::string> aliases{}; // "*" accepts any name
  int64_t created = 0;                // unix seconds
  std::string root{};                 // the checkpoint's name, never a path
  int max_model_len = 0;              // tokens, prompt and answer
  int vocab = 0;                      // one past the largest id of the model
  SamplingDefaults defaults{};
  std::string adapter{};      // of every request, its folder's name; "": none
  std::string quantization{}; // "" for none
  std::string numerics = "invariant";
  std::string weight_version = "0";
  std::string system_fingerprint{}; // "fp_" and 12 hex digits
  std::vector<TokenId> end_tokens{};
};

struct ApiLimits {
  int max_choices = 2048; // prompts times n
  int max_logprobs = 20;
  int64_t kv_capacity_tokens = int64_t(1) << 40; // one sequence, at most
  int64_t max_job_bytes = int64_t(4) << 30;      // one request may hold
  UnknownFields unknown_fields = UnknownFields::kRefuse;
  bool strict_max_tokens = false;
  bool allow_request_template = false;
  bool metrics_auth = false;
  std::chrono::milliseconds sse_keepalive{10'000};
  std::chrono::milliseconds request_timeout{0}; // 0: none
  std::chrono::milliseconds stall_timeout{30'000};
};

// What the handlers need. Made once by runtime, const afterwards, outlives
// the server; the references are to things of any thread.
struct AppContext {
  ModelCard card{};
  ApiLimits limits{};
  // Shared with delivery, which detokenizes with it.
  std::shared_ptr<const Tokenizer> tokenizer{};
  // Null when the model has none; shared with work on the text pool.
  std::shared_ptr<const ChatTemplate> chat_template{};
  // The door of a shard; called on that shard only.
  std::function<Generator&(int shard)> generator{};
  http::WorkPool& pool;
  const EngineStatus& status;
  // Those of the server, for what only part of an open route needs; none:
  // anybody may.
  std::vector<http::ApiKey> api_keys{};
  // Would a request sent now be admitted? Any thread. Empty: yes.
  std::function<bool()> admits{};
  // The text of GET /metrics. Any thread.
  std::function<std::string()> metrics{};
};

} // namespace parallm
