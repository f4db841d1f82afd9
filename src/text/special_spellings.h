#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/types.h"

namespace parallm {

// Finds where a text spells a special token. Const once built, any thread.
class SpecialSpellings {
 public:
  struct Match {
    size_t begin = 0;
    size_t end = 0;
    TokenId id = kNoToken;
    bool operator==(const Match&) const = default;
  };

  // White space that an input loses beside the token.
  enum class Takes : uint8_t { kNone, kLeft, kRight, kBoth };

  void add(std::string_view spelling, TokenId id, Takes takes);

  // The longest that begins at `at`.
  std::optional<Match> at(std::string_view text, size_t at) const;
  // The first from `from` on; of several there, the longest.
  std::optional<Match> find(std::string_view text, size_t from) const;
  // The longest that ends at `end`.
  std::optional<Match> before(std::string_view text, size_t end) const;
  // Does the text end with the beginning of one, so that what follows could
  // complete it?
  bool may_continue(std::string_view text) const;

  bool takes_left(TokenId id) const;
  bool takes_right(TokenId id) const;
  bool empty() const { return nodes_.size() == 1; }
  TokenId any() const { return any_; }

 private:
  struct Node {
    TokenId id = kNoToken; // that ends here
    bool leaf = true;
  };

  static constexpr int kNowhere = -1;
  int child(int node, char byte) const;
  int make_child(int node, char byte);
  Takes takes(TokenId id) const;
  size_t horizon(size_t end) const;

  std::vector<Node> nodes_{Node{}};
  std::unordered_map<uint64_t, int> children_{}; // by node and byte
  std::unordered_map<TokenId, Takes> takes_{};
  std::bitset<256> first_{}; // bytes that begin a spelling
  size_t longest_ = 0;
  TokenId any_ = kNoToken;
};

} // namespace parallm
