#pragma once

#include <cstdint>
#include <optional>
#include <string>
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
  const GgufKeys& keys() const { return keys_; }

  // By tokenizer.ggml.ROLE_token_id. A padding beyond the vocabulary is none:
  // so do converters say it.
  std::optional<int64_t> role(const std::string& role) const;

 private:
  const GgufKeys& keys_;
  const std::vector<std::string>& pieces_;
  const std::vector<int64_t>* kinds_ = nullptr;
  const std::vector<double>* scores_ = nullptr;
};

// The tokens that end an answer, in the order of their ids: those of such a
// role, and those of a text that everywhere means it, as a converter names one
// of several. Of a file without a vocabulary, the former. Throws StartError.
std::vector<int64_t> end_tokens(const GgufKeys& keys);

} // namespace parallm
