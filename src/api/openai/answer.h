#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/openai/answer_spec.h"
#include "api/openai/logprobs.h"
#include "core/generator.h"

// The state of one answer while deltas arrive. Its shard only.
// Plain values and functions without state: any thread.
namespace parallm::openai {

// How a choice ended, in the words of the wire.
struct Ending {
  FinishReason reason = FinishReason::kStop;
  std::string stop_string{};
  TokenId stop_token = kNoToken;
  bool timed_out = false;
  SequenceStats stats{};
};

struct ChoiceState {
  int prompt = 0;                    // index in the request
  int index = 0;                     // on the wire
  std::string text{};                // not written yet
  std::vector<TokenDetail> tokens{}; // not written yet
  int pending_tokens = 0;            // sampled since the last chunk
  int sampled_tokens = 0;            // in all
  int shown_tokens = 0;              // details written, for weight_versions
  bool begun = false;                // a chunk has been written
  bool closed = false;               // the last chunk has been written
  std::optional<Ending> ending{};
  LogprobTrack track;

  void add(TextDelta& delta);
  bool has_news() const { return !text.empty() || !tokens.empty(); }
};

struct PromptState {
  std::vector<TokenLogprobs> scores{}; // of all its tokens but the first
  int source = -1;                     // the choice that brings them
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t cached_tokens = 0;
};

// Why the whole request failed after admission.
enum class Failed : uint8_t {
  kNo,
  kUnsatisfiable,
  kEngine,
  kShutdown,
  kOverflow,
};

class Answer {
 public:
  Answer(const AnswerSpec& spec, const Tokenizer& tokenizer);

  void add(std::vector<TextDelta>& deltas);
  // The deadline has passed: what is cancelled now has run out of time.
  void expire() { expired_ = true; }
  bool expired() const { return expired_; }
  // What has not ended ends here, as it is.
  void give_up();

  const AnswerSpec& spec() const { return spec_; }
  std::vector<ChoiceState>& choices() { return choices_; }
  const std::vector<ChoiceState>& choices() const { return choices_; }
  const PromptState& prompt(int index) const { return prompts_[index]; }
  // All scores of this prompt that the answer shows are there.
  bool scored(int prompt) const;

  bool done() const { return open_ == 0; }
  bool has_tokens() const { return has_tokens_; }
  Failed failed() const { return failed_; }
  Usage usage() const;
  size_t gathered_bytes() const; // about what it takes as JSON
  // The choices to show: all, or of best_of candidates the likeliest n.
  std::vector<const ChoiceState*> best() const;

 private:
  void add(TextDelta& delta);
  void add_scores(TextDelta& delta);
  void end(ChoiceState& choice, ChoiceEnd& end);

  const AnswerSpec& spec_;
  std::vector<ChoiceState> choices_; // prompt by prompt
  std::vector<PromptState> prompts_;
  int open_ = 0; // choices
  bool has_tokens_ = false;
  bool expired_ = false;
  Failed failed_ = Failed::kNo;
};

} // namespace parallm::openai
