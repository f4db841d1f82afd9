#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "nn/gguf/gguf_keys.h"

namespace parallm {

// What a token of the vocabulary is; the values are the format's.
enum class GgufToken : int64_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

// The lists tokenizer.ggml.tokens, token_type and scores, checked to be of the
// same length; and the ids of tokens with a role. Constant; any thread.
class GgufVocabulary {
 public:
  explicit GgufVocabulary(const GgufKeys& keys);

  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }
  const std::string& piece(int64_t id) const { return pieces_[id]; }
  GgufToken kind(int64_t id) const;
  double score(int64_t id) const { return scores_ ? (*scores_)[id] : 0; }
  bool has_scores() const { return scores_ != nullptr; }
  // The first of equal ones; -1: none.
  int64_t find(const std::string& piece) const;

  // By tokenizer.ggml.ROLE_token_id.
  std::optional<int64_t> role(const std::string& role) const;

 private:
  const GgufKeys& keys_;
  const std::vector<std::string>& pieces_;
  const std::vector<int64_t>* kinds_ = nullptr;
  const std::vector<double>* scores_ = nullptr;
  std::unordered_map<std::string, int64_t> ids_{};
};

// What makes longer tokens of shorter ones: "a b", the first ones first. For a
// vocabulary with scores: a token is made of any two others that spell it, and
// those of the higher score go first.
std::vector<std::string> merges_by_score(const GgufVocabulary& vocabulary);

} // namespace parallm
