#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/types.h"

// Plain values and functions without state: any thread.
namespace parallm::openai {

struct PromptSpec {
  int tokens = 0;
  std::vector<TokenId> ids{}; // only if the answer shows them
  std::string text{};         // only with echo
};

// What the answer to one request must hold. Made with the job.
struct AnswerSpec {
  std::string model{};         // the name that the request used
  std::string service_tier{};  // the one used
  std::string metadata_json{}; // "" for none
  std::vector<std::string> inert{};
  std::string log_note{}; // what the client said of itself; "" for nothing
  std::vector<PromptSpec> prompts{};
  int n = 1;          // choices shown per prompt
  int candidates = 1; // choices computed per prompt
  int logprobs = -1;  // alternatives shown; -1: no logprobs
  int prompt_logprobs = -1;
  bool echo = false;
  bool return_token_ids = false;
  bool return_timings = false;
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  bool obfuscate = false;
  int stream_interval = 1;
  std::optional<std::chrono::milliseconds> timeout{};

  bool shows_prompt() const {
    return echo || return_token_ids || prompt_logprobs >= 0;
  }
  // Does anything shown wait for the scores of the prompt?
  bool scores_prompt() const {
    return prompt_logprobs >= 0 || (echo && logprobs >= 0);
  }
};

} // namespace parallm::openai
