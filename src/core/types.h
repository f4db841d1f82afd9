#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// The words every room shares. Plain values: no MLX, no JSON, no threads.
namespace parallm {

using TokenId = int32_t;
inline constexpr TokenId kNoToken = -1;

// One prompt on its way through the engine; unique in the process.
enum class RequestId : uint64_t {};

enum class FinishReason : uint8_t {
  kStop,          // an end token, or a stop token of the request
  kLength,        // max_new_tokens reached
  kAbort,         // an administrator ended it
  kCancelled,     // the client went away, or the text side had enough
  kError,         // the step that computed it failed
  kUnsatisfiable, // the request's masks left no token to choose
};

struct LogitBias {
  TokenId id = 0;
  float bias = 0;
};

enum class LogprobsMode : uint8_t {
  kRaw,       // of the model's own distribution
  kProcessed, // of the distribution that is drawn from
};

// How one choice is drawn; constant for its life. The stages and their order
// are docs/CONTRACT.md "Sampling".
struct SamplingParams {
  float temperature = 1.0f; // below 1e-5: greedy
  float top_p = 1.0f;       // 1: off
  float min_p = 0.0f;       // 0: off
  int top_k = 0;            // 0: off
  float repetition_penalty = 1.0f;
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  std::vector<LogitBias> logit_bias{};
  std::vector<TokenId> allowed_tokens{}; // empty: all
  // Each a token sequence; its last token is masked when the rest has just
  // been generated.
  std::vector<std::vector<TokenId>> bad_words{};
  uint64_t seed = 0;        // a draw depends on (seed, choice, position)
  int logprobs = -1;        // alternatives per token; -1: no logprobs
  int prompt_logprobs = -1; // the same for the prompt; -1: none
  LogprobsMode logprobs_mode = LogprobsMode::kRaw;
};

// A request that has passed validation. Built in api/, read everywhere.
struct GenerateRequest {
  RequestId id{};
  int shard = 0;                 // where its events go
  std::vector<TokenId> prompt{}; // at least one token
  int choices = 1;               // n; they share one prefill
  int max_new_tokens = 0;        // 0 scores the prompt only
  int min_new_tokens = 0;        // end and stop tokens are masked before
  SamplingParams sampling{};
  std::vector<TokenId> end_tokens{};  // of the model; empty for ignore_eos
  std::vector<TokenId> stop_tokens{}; // of the request
  int priority = 0;                   // -100 .. 100, lower first
  uint64_t cache_salt = 0; // prefixes are shared within equal salts only
};

inline constexpr int kAllChoices = -1;

// The text side has enough: a stop string, a lost client, a deadline.
struct CancelRequest {
  RequestId id{};
  int choice = kAllChoices;
};

struct TokenLogprob {
  TokenId id = kNoToken;
  float logprob = 0;
};

// What a position said about the token that followed.
struct TokenLogprobs {
  float logprob = 0; // of the token that was taken
  int rank = 0;      // 1 is the likeliest; counted over the whole vocabulary
  std::vector<TokenLogprob> top{}; // likeliest first, ties by lower id
};

// One definition for answer, log and metrics.
struct SequenceStats {
  double queue_ms = 0;   // submitted until first planned
  double prefill_ms = 0; // first planned until first token
  double decode_ms = 0;  // first token until finish
  int prompt_tokens = 0;
  int cached_tokens = 0; // of the prompt, taken from the prefix cache
  int preemptions = 0;
};

// The rare parts of an event, apart so that the common event stays small.
struct EventDetails {
  std::optional<TokenLogprobs> logprobs{};      // of `token`
  std::vector<TokenLogprobs> prompt_logprobs{}; // of the next prompt tokens
  std::optional<SequenceStats> stats{};         // with the finish
  std::string error{}; // with kError and kUnsatisfiable; for the log
};

// What the engine says about one choice after one step. The first event of a
// choice may carry nothing: it has left the queue. The finish comes last and
// exactly once per choice (rule seq.finish-once); it may carry a token.
struct TokenEvent {
  RequestId id{};
  int choice = 0;
  TokenId token = kNoToken;
  std::optional<FinishReason> finish{};
  std::unique_ptr<EventDetails> details{};
};

// The events of one step for one shard, in order.
using StepEvents = std::vector<TokenEvent>;

} // namespace parallm
