#include "text/detokenizer.h"

namespace parallm {

Detokenizer::Detokenizer(
    const Tokenizer& tokenizer, bool skip_special, TextStart start)
    : tokenizer_(tokenizer),
      skip_special_(skip_special),
      at_start_(start == TextStart::kFresh) {
}

void Detokenizer::push(TokenId id, std::string& text) {
  last_bytes_ = 0;
  if (skip_special_ && tokenizer_.is_special(id)) {
    return;
  }
  const auto bytes =
      at_start_ ? tokenizer_.bytes_at_start(id) : tokenizer_.bytes(id);
  // A first token that is all blank has still been the first.
  at_start_ = at_start_ && tokenizer_.bytes(id).empty();
  last_bytes_ = static_cast<int>(bytes.size());
  stream_.push(bytes, text);
}

void Detokenizer::finish(std::string& text) {
  stream_.finish(text);
}

} // namespace parallm
