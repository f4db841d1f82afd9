#include "sampling/choice_sampler.h"

namespace parallm {
namespace {

DrawRow constant_part(const ChoiceRules& rules) {
  const SamplingParams& params = rules.sampling;
  DrawRow row;
  row.temperature = params.temperature;
  row.top_k = params.top_k;
  row.top_p = params.top_p;
  row.min_p = params.min_p;
  row.noise = {params.seed, static_cast<uint32_t>(rules.choice), 0};
  return row;
}

TokenMask::Rules mask_rules(ChoiceRules& rules) {
  return {
      std::move(rules.sampling.allowed_tokens),
      std::move(rules.sampling.bad_words), rules.min_new_tokens,
      std::move(rules.ending_tokens), rules.vocab};
}

} // namespace

ChoiceSampler::ChoiceSampler(
    ChoiceRules rules, std::span<const TokenId> history)
    : base_(constant_part(rules)),
      edits_(rules.sampling, rules.vocab),
      mask_(mask_rules(rules)),
      logprobs_(rules.sampling.logprobs),
      prompt_logprobs_(rules.sampling.prompt_logprobs),
      mode_(rules.sampling.logprobs_mode) {
  const auto prompt = static_cast<size_t>(rules.prompt_tokens);
  for (size_t i = 0; i < history.size(); ++i) {
    if (i >= prompt) {
      append(history[i]);
    } else if (edits_.looks_back()) {
      edits_.saw_prompt(history[i]);
    }
  }
}

void ChoiceSampler::append(TokenId token) {
  ++outputs_;
  mask_.saw_output(token);
  if (edits_.looks_back()) {
    edits_.saw_output(token);
  }
}

DrawRow ChoiceSampler::next() const {
  DrawRow row = base_;
  row.edits = edits_.list();
  row.allowed = mask_.allowed();
  row.banned = mask_.banned();
  row.noise.position = static_cast<uint32_t>(outputs_);
  return row;
}

} // namespace parallm
