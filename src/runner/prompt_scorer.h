#pragma once

#include <span>
#include <vector>

#include "core/types.h"
#include "models/model.h"

namespace parallm {

// A prompt token and the position that foretold it.
struct PromptTarget {
  int place = 0; // of that position among the step's tokens
  TokenId token = kNoToken;
  int alternatives = 0;
};

// Scores prompt tokens, in their order. The vocabulary head runs over slices
// of bounded size, one after the other, so that a long prompt does not hold
// the logits of all its positions at once. Waits for the device. hidden
// (T, E). Engine thread only.
std::vector<TokenLogprobs> score_prompt(
    const Model& model,
    const mx::array& hidden,
    std::span<const PromptTarget> targets);

} // namespace parallm
