#include "nn/gguf/gguf_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>

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

constexpr const char* kTokens = "tokenizer.ggml.tokens";

constexpr int64_t kMostId = std::numeric_limits<int32_t>::max();

constexpr const char* kEndRoles[] = {"eos", "eot", "eom"};

// The end of a text, of a turn, or of a message.
constexpr std::string_view kEndTexts[] = {
    "<|end_of_text|>", "<|endoftext|>",
    "<|eot_id|>",      "<|eom_id|>",
    "<|im_end|>",      "<|end|>",
    "<end_of_turn>",   "<EOT>",
    "<|EOT|>",         "<\uff5cend\u2581of\u2581sentence\uff5c>"};

} // namespace

GgufVocabulary::GgufVocabulary(const GgufKeys& keys)
    : keys_(keys), pieces_(keys.texts(kTokens)) {
  const std::string kinds = "tokenizer.ggml.token_type";
  if (keys.has(kinds)) {
    kinds_ = of_size(keys, kinds, keys.integers(kinds), pieces_.size());
  }
  const std::string scores = "tokenizer.ggml.scores";
  if (keys.has(scores)) {
    scores_ = of_size(keys, scores, keys.numbers(scores), pieces_.size());
    // They have an order.
    if (std::ranges::any_of(*scores_, [](double x) { return std::isnan(x); })) {
      keys.refuse(scores, "has an item nan, expected numbers");
    }
  }
}

GgufToken GgufVocabulary::kind(int64_t id) const {
  return kinds_ ? static_cast<GgufToken>((*kinds_)[id]) : GgufToken::kNormal;
}

std::optional<int64_t> GgufVocabulary::role(const std::string& role) const {
  const auto key = fmt::format("tokenizer.ggml.{}_token_id", role);
  if (!keys_.has(key)) {
    return std::nullopt;
  }
  constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  if (role == "padding" && keys_.integer(key, -kAny, kAny) >= size()) {
    return std::nullopt;
  }
  return keys_.integer(key, 0, size() - 1);
}

std::vector<int64_t> end_tokens(const GgufKeys& keys) {
  std::set<int64_t> ids;
  const auto* pieces = keys.has(kTokens) ? &keys.texts(kTokens) : nullptr;
  const int64_t most = pieces ? std::ssize(*pieces) - 1 : kMostId;
  for (const char* role : kEndRoles) {
    const auto key = fmt::format("tokenizer.ggml.{}_token_id", role);
    if (keys.has(key)) {
      ids.insert(keys.integer(key, 0, most));
    }
  }
  for (int64_t id = 0; pieces && id <= most; ++id) {
    if (std::ranges::find(kEndTexts, (*pieces)[id]) != std::end(kEndTexts)) {
      ids.insert(id);
    }
  }
  return {ids.begin(), ids.end()};
}

} // namespace parallm
