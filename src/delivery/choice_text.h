#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/generator.h"
#include "text/detokenizer.h"
#include "text/stop_matcher.h"

// One thread at a time.
namespace parallm {

// The tokens of one choice on their way to text. Its shard only. `rules` and
// the tokenizer must outlive it.
class ChoiceText {
 public:
  ChoiceText(const Tokenizer& tokenizer, const TextRules& rules);

  // Appends to `shown` the text that may now be seen. Returns the index of
  // the stop string that ended the choice, else -1. After a match the choice
  // takes nothing more.
  int push(
      TokenId token, std::optional<TokenLogprobs> logprobs, std::string& shown);
  // A token that is counted but is no text: an end or stop token.
  void push_silent(TokenId token, std::optional<TokenLogprobs> logprobs);
  // Nothing more comes: releases what was held back.
  int finish(std::string& shown);

  // Hands the counts so far to `delta`, and the details of the tokens whose
  // text has been shown to the last byte. Returns the bytes they take.
  size_t settle(TextDelta& delta);
  // At the end: hands over the rest. A token that a stop string has cut keeps
  // the bytes before the cut.
  void settle_rest(TextDelta& delta);

 private:
  // A token is bytes [begin, end) of the answer's text.
  struct Held {
    TokenDetail detail{};
    size_t begin = 0;
    size_t end = 0;
  };

  int show(std::string_view text, std::string& shown);
  void note(TokenId token, int bytes, std::optional<TokenLogprobs> logprobs);

  const TextRules& rules_;
  Detokenizer detokenizer_;
  std::optional<StopMatcher> matcher_{}; // none without stop strings
  int sampled_ = 0;
  int unsettled_ = 0;        // sampled, but in no delta yet
  size_t given_ = 0;         // bytes of all tokens so far
  size_t whole_ = 0;         // of them, whole characters
  size_t shown_ = 0;         // of them, past the stop strings
  std::vector<Held> held_{}; // only with token_details
};

} // namespace parallm
