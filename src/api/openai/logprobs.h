#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/openai/answer_spec.h"
#include "core/generator.h"
#include "text/tokenizer.h"

// Log-probabilities as the two endpoints show them (api.md 5.5, 6).
// Plain values and functions without state: any thread.
namespace parallm::openai {

// One line of a logprobs table. Views into the tokenizer and the scores.
struct LogprobEntry {
  TokenId id = kNoToken;
  std::string_view bytes{};
  const TokenLogprobs* scores = nullptr; // null: the first token of a prompt
  int64_t text_offset = 0; // characters before it in the choice's text
  bool in_text = true;     // gave the text at least one byte
};

// Counts the characters of a text that comes in pieces of bytes.
class CharacterCount {
 public:
  explicit CharacterCount(int64_t whole = 0) : whole_(whole) {}

  int64_t whole() const { return whole_; }
  // What stands before `next`, which goes on with an unfinished character or
  // breaks it.
  int64_t before(std::string_view next) const;
  // What stands before the end, if nothing more comes.
  int64_t closed() const { return whole_ + (rest_.empty() ? 0 : 1); }
  void add(std::string_view bytes);

 private:
  int64_t whole_ = 0;
  std::string rest_; // the beginning of a character, at most 3 bytes
};

// Tokens of one choice, in order -> entries. Its shard only.
class LogprobTrack {
 public:
  explicit LogprobTrack(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // The prompt, shown before the answer. `scores` has one item less.
  std::vector<LogprobEntry> prompt(
      const PromptSpec& prompt, std::span<const TokenLogprobs> scores);
  // Tokens, and the text that has come since the last call. Text comes with
  // its tokens or before them, so that there may be only one of both.
  std::vector<LogprobEntry> add(
      std::span<const TokenDetail> tokens, std::string_view text);

 private:
  LogprobEntry entry(const TokenDetail& token);
  std::string_view bytes_in_text(const TokenDetail& token);

  const Tokenizer& tokenizer_;
  CharacterCount characters_;
  bool at_start_ = true;             // no token of the answer's text yet
  std::optional<bool> begins_blank_; // the answer's text; empty: not known yet
};

// {"content":[{token, logprob, bytes, top_logprobs}], "refusal":null}
void append_chat_logprobs(
    std::string& out,
    std::span<const LogprobEntry> entries,
    int alternatives,
    const Tokenizer& tokenizer);

// {"tokens":[], "token_logprobs":[], "top_logprobs":[], "text_offset":[]}
void append_completion_logprobs(
    std::string& out,
    std::span<const LogprobEntry> entries,
    int alternatives,
    const Tokenizer& tokenizer);

// [null, {"id": {logprob, rank, decoded_token}}, ...] for one prompt.
void append_prompt_logprobs(
    std::string& out,
    std::span<const TokenId> ids,
    std::span<const TokenLogprobs> scores,
    int alternatives,
    const Tokenizer& tokenizer);

// A log-probability as it is written: minus infinity is -9999.0.
float shown_logprob(float logprob);

} // namespace parallm::openai
