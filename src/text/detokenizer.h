#pragma once

#include <string>

#include "text/tokenizer.h"
#include "text/utf8_stream.h"

// One thread at a time.
namespace parallm {

// Sentencepiece writes a blank before each word and drops the first of a
// text. An answer that goes on with a text keeps it.
enum class TextStart : uint8_t { kFresh, kContinued };

// Ids of one choice -> text, token by token. A character whose bytes are not
// all there yet is held back. Its shard only. Cost: a table look-up and an
// append where the vocabulary allows it (all byte-level and sentencepiece
// vocabularies), no re-decoding.
class Detokenizer {
 public:
  // The tokenizer must outlive it.
  Detokenizer(
      const Tokenizer& tokenizer,
      bool skip_special,
      TextStart start = TextStart::kFresh);

  // Appends the whole characters that `id` completes to `text`.
  void push(TokenId id, std::string& text);
  // Bytes that never completed become U+FFFD.
  void finish(std::string& text);
  // Bytes that the last pushed token gave, whole characters or not.
  int last_bytes() const { return last_bytes_; }

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool at_start_;
  Utf8Stream stream_;
  int last_bytes_ = 0;
};

} // namespace parallm
