#include "nn/gguf/gguf_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace parallm {
namespace {

template <class Item>
const std::vector<Item>* of_size(
    const GgufKeys& keys,
    const std::string& key,
    const std::vector<Item>& list,
    size_t size) {
  if (list.size() != size) {
    keys.refuse(
        key, fmt::format(
                 "has {} items, expected {}, one a token", list.size(), size));
  }
  return &list;
}

// Longer tokens are not made of others: what is tried out would grow with the
// square.
constexpr size_t kMostPieceBytes = 1024;

struct Merge {
  double score;
  int64_t left;
  int64_t right;
};

// A place between two characters of UTF-8.
bool is_border(const std::string& text, size_t at) {
  return (static_cast<uint8_t>(text[at]) & 0xc0) != 0x80;
}

void add_merges(
    const GgufVocabulary& vocabulary, int64_t id, std::vector<Merge>& merges) {
  const std::string& piece = vocabulary.piece(id);
  for (size_t at = 1; at < piece.size(); ++at) {
    if (!is_border(piece, at)) {
      continue;
    }
    const int64_t left = vocabulary.find(piece.substr(0, at));
    const int64_t right = left < 0 ? -1 : vocabulary.find(piece.substr(at));
    if (right >= 0) {
      merges.push_back({vocabulary.score(id), left, right});
    }
  }
}

} // namespace

GgufVocabulary::GgufVocabulary(const GgufKeys& keys)
    : keys_(keys), pieces_(keys.texts("tokenizer.ggml.tokens")) {
  const std::string kinds = "tokenizer.ggml.token_type";
  if (keys.has(kinds)) {
    kinds_ = of_size(keys, kinds, keys.integers(kinds), pieces_.size());
  }
  const std::string scores = "tokenizer.ggml.scores";
  if (keys.has(scores)) {
    scores_ = of_size(keys, scores, keys.numbers(scores), pieces_.size());
  }
  for (int64_t id = 0; id < size(); ++id) {
    ids_.emplace(pieces_[id], id);
  }
}

GgufToken GgufVocabulary::kind(int64_t id) const {
  return kinds_ ? static_cast<GgufToken>((*kinds_)[id]) : GgufToken::kNormal;
}

int64_t GgufVocabulary::find(const std::string& piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? -1 : found->second;
}

std::optional<int64_t> GgufVocabulary::role(const std::string& role) const {
  const auto key = fmt::format("tokenizer.ggml.{}_token_id", role);
  if (!keys_.has(key)) {
    return std::nullopt;
  }
  return keys_.integer(key, 0, size() - 1);
}

std::vector<std::string> merges_by_score(const GgufVocabulary& vocabulary) {
  std::vector<Merge> merges;
  for (int64_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.kind(id) == GgufToken::kNormal &&
        vocabulary.piece(id).size() <= kMostPieceBytes) {
      add_merges(vocabulary, id, merges);
    }
  }
  std::ranges::sort(merges, {}, [](const Merge& merge) {
    return std::tuple(-merge.score, merge.left, merge.right);
  });
  std::vector<std::string> lines;
  for (const auto& [score, left, right] : merges) {
    lines.push_back(vocabulary.piece(left) + " " + vocabulary.piece(right));
  }
  return lines;
}

} // namespace parallm
