#include "engine/token_history.h"

#include <algorithm>

namespace parallm {

TokenId TokenHistory::at(int position) const {
  return position < prompt_tokens()
             ? prompt_[size_t(position)]
             : generated_.at(size_t(position - prompt_tokens()));
}

std::vector<TokenId> TokenHistory::copy(int begin, int end) const {
  const int prompt = prompt_tokens();
  const auto from_prompt = prompt_.begin();
  const auto from_answer = generated_.begin();
  std::vector<TokenId> tokens;
  tokens.reserve(size_t(end - begin));
  if (begin < prompt) {
    tokens.assign(from_prompt + begin, from_prompt + std::min(end, prompt));
  }
  if (end > prompt) {
    tokens.insert(
        tokens.end(), from_answer + std::max(begin - prompt, 0),
        from_answer + (end - prompt));
  }
  return tokens;
}

std::span<const TokenId> TokenHistory::view(
    int begin, int end, std::vector<TokenId>& scratch) const {
  if (end <= prompt_tokens()) {
    return prompt_.subspan(size_t(begin), size_t(end - begin));
  }
  if (begin >= prompt_tokens()) {
    return std::span(generated_)
        .subspan(size_t(begin - prompt_tokens()), size_t(end - begin));
  }
  scratch = copy(begin, end);
  return scratch;
}

} // namespace parallm
