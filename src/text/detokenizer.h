#pragma once

#include <string>

#include "text/tokenizer.h"

namespace parallm {

// Ids of one choice -> text, token by token. A character whose bytes are not
// all there yet is held back. Its shard only. Cost: a table look-up and an
// append where the vocabulary allows it (all byte-level and sentencepiece
// vocabularies), no re-decoding.
class Detokenizer {
 public:
  // The tokenizer must outlive it.
  Detokenizer(const Tokenizer& tokenizer, bool skip_special);

  // Appends the whole characters that `id` completes to `text`.
  void push(TokenId id, std::string& text);
  // Bytes that never completed become U+FFFD.
  void finish(std::string& text);
  // Bytes that the last pushed token gave, whole characters or not.
  int last_bytes() const { return last_bytes_; }

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool at_start_ = true; // sentencepiece drops the first space
  std::string held_;     // an incomplete character, at most 3 bytes
  int last_bytes_ = 0;
};

} // namespace parallm
