#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/types.h"

// The wall between the wire side (api/) and the engine side. What a client
// sent is above it; what the model does is below it.
namespace parallm {

// What the text side needs and the engine never sees. One per job.
struct TextRules {
  std::vector<std::string> stop_strings{};
  bool include_stop_string = false;
  bool skip_special_tokens = true;
  // The answer goes on with the prompt's text, as of a completion: its first
  // blank is kept. Else it is a text of its own, as of a chat message.
  bool continues_prompt = false;
  int min_tokens = 0;         // no stop string ends before, but one may begin
  bool token_details = false; // fill TextDelta::tokens
};

// One sampled token, for logprobs and return_token_ids. It travels with the
// delta that holds the last byte of its text; tokens without text go along.
struct TokenDetail {
  TokenId id = kNoToken;
  // Bytes of answer text this token gave, its own bytes: those at the end of
  // Tokenizer::bytes (sentencepiece drops the first space), or those before a
  // stop string that cut it; 0 for end tokens and what the cut removed.
  int text_bytes = 0;
  std::optional<TokenLogprobs> logprobs{};
};

struct ChoiceEnd {
  FinishReason reason{};
  std::string stop_string{};     // the one that matched
  TokenId stop_token = kNoToken; // one of the request's stop_tokens
  bool overflow = false;         // cancelled: the reader was too slow
  SequenceStats stats{};
};

// What one step, or several while nobody looked, added to one choice.
struct TextDelta {
  int request = 0;        // index in the job
  int choice = 0;         // of that request
  std::string text{};     // whole UTF-8 characters, never part of a stop string
  int sampled_tokens = 0; // for usage; end and stop tokens included
  std::vector<TokenDetail> tokens{};            // if token_details
  std::vector<TokenLogprobs> prompt_logprobs{}; // first token has none
  std::optional<ChoiceEnd> end{};               // the last delta of a choice
};

enum class RefusalReason : uint8_t { kQueueFull, kDraining, kLoading, kFailed };

struct Refusal {
  RefusalReason reason{};
  int retry_after_s = 1; // 1 .. 60
};

// One answer being written. Only on the shard that started it. Destroying it
// before the last end cancels what is left.
class Reply {
 public:
  virtual ~Reply() = default;
  // What is ready; may be empty; never blocks. One delta per choice and step.
  virtual std::vector<TextDelta> take() = 0;
  // What take() gave may come back, so that it need not allocate again.
  virtual void reuse(std::vector<TextDelta>) {}
  // Calls `wake` once, on this shard, when take() has something. Check take()
  // first: on one thread nothing can slip in between.
  virtual void wake_once(std::function<void()> wake) = 0;
  // What has not ended ends soon, with what there is by then.
  virtual void cancel() = 0;
  // True once the engine has begun on the job (it left the queue).
  virtual bool started() const = 0;
};

// A job is one or more prompts that are answered together. The door has
// filled in everything but `id` and `shard`, which start() assigns.
struct GenerateJob {
  std::vector<GenerateRequest> requests{};
  TextRules rules{};
  // What it may hold until its end beside the cache: its choices, and an
  // answer that gathers before it is written. Preemption cannot take that
  // back, so that admission counts it (rule admit.bound).
  int64_t memory_bytes = 0;
};

// On a shard; the reply belongs to that shard.
class Generator {
 public:
  virtual ~Generator() = default;
  virtual Result<std::unique_ptr<Reply>, Refusal> start(GenerateJob job) = 0;
};

} // namespace parallm
