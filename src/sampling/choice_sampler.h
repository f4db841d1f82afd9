#pragma once

#include <span>

#include "core/types.h"
#include "kernels/sample/sample_row.h"
#include "sampling/logit_edits.h"
#include "sampling/token_mask.h"

namespace parallm {

// What is constant for one choice.
struct ChoiceRules {
  SamplingParams sampling{};
  int choice = 0;
  int prompt_tokens = 0;
  int min_new_tokens = 0;
  std::vector<TokenId> ending_tokens{}; // banned before min_new_tokens
  int vocab = 0;
};

// How the next token of one choice is drawn; follows the choice token by
// token. The same tokens give the same draws, however the choice came to
// them. Engine thread only.
class ChoiceSampler {
 public:
  // `history`: all tokens so far, prompt first.
  ChoiceSampler(ChoiceRules rules, std::span<const TokenId> history);

  void append(TokenId token); // the choice has output it
  int output_tokens() const { return outputs_; }
  DrawRow next() const;

  int logprobs() const { return logprobs_; } // alternatives; -1: none
  int prompt_logprobs() const { return prompt_logprobs_; }
  LogprobsMode logprobs_mode() const { return mode_; }

 private:
  DrawRow base_; // without what depends on the tokens
  LogitEdits edits_;
  TokenMask mask_;
  int outputs_ = 0;
  int logprobs_, prompt_logprobs_;
  LogprobsMode mode_;
};

} // namespace parallm
