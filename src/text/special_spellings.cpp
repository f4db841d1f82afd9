#include "text/special_spellings.h"

#include <algorithm>

namespace parallm {

void SpecialSpellings::add(std::string_view spelling, TokenId id, Takes takes) {
  if (spelling.empty()) {
    return;
  }
  int node = 0;
  for (const char byte : spelling) {
    node = make_child(node, byte);
  }
  nodes_[node].id = id;
  takes_[id] = takes;
  first_.set(uint8_t(spelling[0]));
  longest_ = std::max(longest_, spelling.size());
  any_ = id;
}

std::optional<SpecialSpellings::Match> SpecialSpellings::at(
    std::string_view text, size_t at) const {
  std::optional<Match> longest;
  int node = 0;
  for (size_t end = at; end < text.size(); ++end) {
    node = child(node, text[end]);
    if (node == kNowhere) {
      break;
    }
    if (nodes_[node].id != kNoToken) {
      longest = Match{at, end + 1, nodes_[node].id};
    }
  }
  return longest;
}

std::optional<SpecialSpellings::Match> SpecialSpellings::find(
    std::string_view text, size_t from) const {
  for (size_t begin = from; begin < text.size(); ++begin) {
    if (!first_.test(uint8_t(text[begin]))) {
      continue;
    }
    if (auto match = at(text, begin)) {
      return match;
    }
  }
  return std::nullopt;
}

std::optional<SpecialSpellings::Match> SpecialSpellings::before(
    std::string_view text, size_t end) const {
  for (size_t begin = horizon(end); begin < end; ++begin) {
    const auto match = at(text.substr(0, end), begin);
    if (match && match->end == end) {
      return match;
    }
  }
  return std::nullopt;
}

bool SpecialSpellings::may_continue(std::string_view text) const {
  for (size_t begin = horizon(text.size()); begin < text.size(); ++begin) {
    int node = 0;
    for (size_t at = begin; at < text.size() && node != kNowhere; ++at) {
      node = child(node, text[at]);
    }
    if (node != kNowhere && !nodes_[node].leaf) {
      return true;
    }
  }
  return false;
}

bool SpecialSpellings::takes_left(TokenId id) const {
  return takes(id) == Takes::kLeft || takes(id) == Takes::kBoth;
}

bool SpecialSpellings::takes_right(TokenId id) const {
  return takes(id) == Takes::kRight || takes(id) == Takes::kBoth;
}

int SpecialSpellings::child(int node, char byte) const {
  if (node == 0 && !first_.test(uint8_t(byte))) {
    return kNowhere; // nearly always so; spares the look-up
  }
  const auto found = children_.find(uint64_t(node) << 8 | uint8_t(byte));
  return found == children_.end() ? kNowhere : found->second;
}

int SpecialSpellings::make_child(int node, char byte) {
  const auto [entry, added] = children_.try_emplace(
      uint64_t(node) << 8 | uint8_t(byte), int(nodes_.size()));
  if (added) {
    nodes_.push_back({});
    nodes_[node].leaf = false;
  }
  return entry->second;
}

SpecialSpellings::Takes SpecialSpellings::takes(TokenId id) const {
  const auto found = takes_.find(id);
  return found == takes_.end() ? Takes::kNone : found->second;
}

// A spelling that ends at `end` or later and is open there begins no earlier.
size_t SpecialSpellings::horizon(size_t end) const {
  return end - std::min(end, longest_);
}

} // namespace parallm
