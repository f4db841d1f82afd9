#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"
#include "text/special_spellings.h"

namespace parallm {

struct EncodeOptions {
  bool add_special_tokens = true; // BOS and like
  // False: text that spells a special token stays text.
  bool parse_special = true;
};

// tokenizer.json with its companions. Const once built, any thread. Encoding
// belongs on the text pool; the byte table is for shards.
class Tokenizer {
 public:
  // Reads tokenizer.json, tokenizer_config.json and special_tokens_map.json
  // in `folder`. Throws StartError naming the file.
  static std::shared_ptr<const Tokenizer> load(const std::string& folder);
  // A tokenizer.json, and what the others say: {"bos_token", "<s>"} and like.
  // Throws StartError naming `file`, where they come from.
  static std::shared_ptr<const Tokenizer> parse(
      const std::string& file,
      std::string_view json,
      std::vector<std::pair<std::string, std::string>> named);
  ~Tokenizer();

  std::vector<TokenId> encode(std::string_view text, EncodeOptions) const;
  // As `text` stands inside a longer one: without the blank that sentencepiece
  // puts in front, and without what is added around a text.
  std::vector<TokenId> encode_continued(
      std::string_view text, EncodeOptions) const;
  // Bytes that are no character become U+FFFD; what a Detokenizer gives.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  int vocab() const; // one past the largest id
  size_t longest_token_bytes() const;
  bool is_special(TokenId id) const;
  // The exact bytes the token adds to a text, in the middle of it; "" for
  // ids without text. Special tokens give their spelling.
  std::string_view bytes(TokenId id) const;
  // The same for the first token of a text, where a blank may be dropped.
  std::string_view bytes_at_start(TokenId id) const;
  std::string_view piece(TokenId id) const; // as in the vocabulary: "▁the"
  std::optional<TokenId> id_of(std::string_view piece) const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  // {"bos_token", "<s>"} and like, as the companion files name them.
  const std::vector<std::pair<std::string, std::string>>& named() const;
  // The special tokens, found by their spelling in a text.
  const SpecialSpellings& specials() const;
  // Text after a special token is encoded as a text of its own, with the
  // blank that sentencepiece puts in front.
  bool restarts_after_special() const;

 private:
  struct State;
  static std::shared_ptr<const Tokenizer> make(std::unique_ptr<State> state);
  explicit Tokenizer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace parallm
