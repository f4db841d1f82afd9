#include "engine/sequence.h"

#include <algorithm>
#include <tuple>

namespace parallm {

namespace {

bool contains(const std::vector<TokenId>& tokens, TokenId token) {
  return std::ranges::find(tokens, token) != tokens.end();
}

} // namespace

PrefixKey Sequence::parent_key(int block) const {
  return block == 0 ? group.root : keys.at(size_t(block) - 1);
}

PrefixKey Sequence::key(int block, int block_tokens) {
  std::vector<TokenId> scratch;
  for (int i = static_cast<int>(keys.size()); i <= block; ++i) {
    if (size_t(i) < group.prompt_keys.size()) {
      keys.push_back(group.prompt_keys[size_t(i)]);
      continue;
    }
    const int end = (i + 1) * block_tokens;
    keys.push_back(child_key(
        parent_key(i), history.view(end - block_tokens, end, scratch)));
    if (end <= history.prompt_tokens()) {
      group.prompt_keys.push_back(keys.back());
    }
  }
  return keys[size_t(block)];
}

bool Sequence::scores_prompt() const {
  return choice == 0 && request().sampling.prompt_logprobs >= 0 &&
         scored < history.prompt_tokens() - 1;
}

std::optional<FinishReason> Sequence::finish_after(TokenId newest) const {
  const bool may_stop = history.generated() > request().min_new_tokens;
  if (may_stop && (contains(request().end_tokens, newest) ||
                   contains(request().stop_tokens, newest))) {
    return FinishReason::kStop;
  }
  if (length() >= max_length) {
    return FinishReason::kLength;
  }
  return std::nullopt;
}

SequenceStats Sequence::stats(double now_ms) const {
  const double started = started_ms.value_or(now_ms);
  const double first_token = first_token_ms.value_or(now_ms);
  return {
      .queue_ms = started - submitted_ms,
      .prefill_ms = first_token - started,
      .decode_ms = now_ms - first_token,
      .prompt_tokens = history.prompt_tokens(),
      .cached_tokens = cached_tokens,
      .preemptions = preemptions};
}

bool runs_before(const Sequence& a, const Sequence& b) {
  return std::tuple(a.request().priority, a.id) <
         std::tuple(b.request().priority, b.id);
}

} // namespace parallm
