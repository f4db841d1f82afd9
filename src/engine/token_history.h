#pragma once

#include <span>
#include <vector>

#include "core/types.h"

// Engine thread only.
namespace parallm {

// A prompt, which the choices of a request share, and what one choice has
// generated after it, read as one row of tokens.
class TokenHistory {
 public:
  explicit TokenHistory(std::span<const TokenId> prompt) : prompt_(prompt) {}

  int length() const { return prompt_tokens() + generated(); }
  int prompt_tokens() const { return static_cast<int>(prompt_.size()); }
  int generated() const { return static_cast<int>(generated_.size()); }
  void push_back(TokenId token) { generated_.push_back(token); }

  TokenId at(int position) const;
  std::vector<TokenId> copy(int begin, int end) const;
  // The same without a copy if it can be, else by way of `scratch`.
  std::span<const TokenId> view(
      int begin, int end, std::vector<TokenId>& scratch) const;

 private:
  std::span<const TokenId> prompt_;
  std::vector<TokenId> generated_;
};

} // namespace parallm
