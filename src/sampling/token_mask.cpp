#include "sampling/token_mask.h"

#include <algorithm>

namespace parallm {
namespace {

// Sorted, each once, within the vocabulary.
std::vector<int32_t> tidy(std::vector<int32_t> ids, int vocab) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= vocab; });
  return ids;
}

} // namespace

TokenMask::TokenMask(Rules rules) : rules_(std::move(rules)) {
  if (!rules_.allowed.empty()) {
    allowed_ = std::make_shared<const std::vector<int32_t>>(
        tidy(std::move(rules_.allowed), rules_.vocab));
  }
  std::erase_if(rules_.bad_words, [](auto& word) { return word.empty(); });
  for (const auto& word : rules_.bad_words) {
    longest_word_ = std::max(longest_word_, word.size());
  }
}

void TokenMask::saw_output(TokenId token) {
  ++outputs_;
  if (longest_word_ < 2) {
    return;
  }
  if (recent_.size() == longest_word_ - 1) {
    recent_.erase(recent_.begin());
  }
  recent_.push_back(token);
}

// Whether the last token of `word` would complete it now.
bool TokenMask::completes(const std::vector<TokenId>& word) const {
  const size_t before = word.size() - 1;
  return before <= recent_.size() &&
         std::equal(
             word.begin(), word.end() - 1,
             recent_.end() - static_cast<long>(before));
}

std::vector<int32_t> TokenMask::banned() const {
  std::vector<int32_t> ids;
  for (const auto& word : rules_.bad_words) {
    if (completes(word)) {
      ids.push_back(word.back());
    }
  }
  if (outputs_ < rules_.min_new_tokens) {
    ids.insert(
        ids.end(), rules_.ending_tokens.begin(), rules_.ending_tokens.end());
  }
  return tidy(std::move(ids), rules_.vocab);
}

} // namespace parallm
