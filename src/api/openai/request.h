#pragma once

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "api/context.h"
#include "api/fields.h"
#include "core/types.h"

// What a client asked for, checked field by field but not yet against each
// other, the model's memory, or the prompt's length.
// Plain values and functions without state: any thread.
namespace parallm::openai {

enum class ServiceTier : uint8_t { kAuto, kDefault, kFlex, kPriority, kFast };

// Fields of api.md 5 and 7 that both generating endpoints have.
struct GenerateFields : RequestNotes {
  std::string model{};
  std::optional<int> max_tokens{};
  std::optional<int> max_completion_tokens{};
  // When neither is given; lowered without complaint to what there is.
  int default_max_tokens = std::numeric_limits<int>::max();
  float temperature = 1;
  float top_p = 1;
  float min_p = 0;
  int top_k = 0;
  float repetition_penalty = 1;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  int n = 1;
  std::vector<std::string> stop{};
  bool stream = false;
  bool has_stream_options = false;
  bool include_usage = false;
  bool include_obfuscation = false;
  bool continuous_usage_stats = false;
  std::vector<LogitBias> logit_bias{};
  std::optional<uint64_t> seed{};
  ServiceTier service_tier = ServiceTier::kAuto;
  json::object metadata{};
  bool has_metadata = false;
  std::string user{};
  std::string safety_identifier{};

  int min_tokens = 0;
  bool ignore_eos = false;
  std::vector<TokenId> stop_token_ids{};
  bool include_stop = false;
  std::vector<TokenId> allowed_token_ids{};
  std::vector<std::string> bad_words{};
  bool skip_special_tokens = true;
  std::optional<bool> add_special_tokens{};
  std::optional<int> truncate_prompt_tokens{}; // -1: as many as fit
  std::optional<int> prompt_logprobs{};
  LogprobsMode logprobs_mode = LogprobsMode::kRaw;
  bool return_token_ids = false;
  bool return_timings = false;
  std::optional<int> priority{};
  std::optional<double> timeout_s{};
  std::string cache_salt{};
  int stream_interval = 1;
};

// What becomes a prompt through the model's template. `messages` are checked
// and in the form that templates read.
struct ChatPrompt : RequestNotes {
  json::array messages{};
  std::optional<bool> add_generation_prompt{};
  bool continue_final_message = false;
  json::object template_kwargs{};
  std::optional<json::array> documents{};
  // Sent with the request, shared with nobody; null for the model's.
  std::shared_ptr<const ChatTemplate> own_template{};
  std::string reasoning_effort{}; // "" when absent
  std::string verbosity{};
};

struct ChatRequest : GenerateFields {
  ChatPrompt prompt{};
  bool logprobs = false;
  int top_logprobs = 0;
};

using TokenIds = std::vector<TokenId>;
// Text, or the ids themselves.
using PromptInput = std::variant<std::string, TokenIds>;

struct CompletionRequest : GenerateFields {
  std::vector<PromptInput> prompts{};
  std::optional<int> logprobs{};
  bool echo = false;
  std::optional<int> best_of{};
};

struct TokenizeRequest : RequestNotes {
  std::string model{};
  std::string text{};
  bool has_text = false;
  ChatPrompt prompt{}; // without messages: the request has text
  std::optional<bool> add_special_tokens{};
  bool return_token_strs = false;
};

struct DetokenizeRequest : RequestNotes {
  std::string model{};
  TokenIds tokens{};
  bool skip_special_tokens = false;
};

} // namespace parallm::openai
