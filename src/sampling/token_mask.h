#pragma once

#include <memory>
#include <vector>

#include "core/types.h"

namespace parallm {

// Stage 4 of one choice: which tokens cannot come next. Engine thread only.
class TokenMask {
 public:
  struct Rules {
    std::vector<TokenId> allowed{}; // empty: all
    std::vector<std::vector<TokenId>> bad_words{};
    int min_new_tokens = 0;
    std::vector<TokenId> ending_tokens{}; // banned before min_new_tokens
    int vocab = 0;
  };

  explicit TokenMask(Rules rules);

  void saw_output(TokenId token);

  // Null: all. Shared with the steps that are built from it.
  const std::shared_ptr<const std::vector<int32_t>>& allowed() const {
    return allowed_;
  }
  // Each id once.
  std::vector<int32_t> banned() const;

 private:
  bool completes(const std::vector<TokenId>& word) const;

  Rules rules_;
  std::shared_ptr<const std::vector<int32_t>> allowed_;
  size_t longest_word_ = 0;
  int outputs_ = 0;
  std::vector<TokenId> recent_; // enough outputs for the longest bad word
};

} // namespace parallm
