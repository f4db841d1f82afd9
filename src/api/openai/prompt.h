#pragma once

#include "api/openai/request.h"

// Requests -> token ids. Text pool only.
namespace parallm::openai {

struct EncodedPrompt {
  TokenIds ids{};
  std::string text{}; // what was encoded; for ids, what they spell
};

// What one prompt becomes, before its length is looked at.
struct EncodeRules {
  bool add_special_tokens = true;
  bool skip_special_tokens = true;  // in the text of a prompt of ids
  std::optional<int> truncate_to{}; // keep the last
};

Result<EncodedPrompt, ApiError> encode_chat(
    const ChatPrompt& prompt,
    const EncodeRules& rules,
    const AppContext& app,
    bool knows_developer);

Result<EncodedPrompt, ApiError> encode_input(
    const PromptInput& input,
    const EncodeRules& rules,
    const Tokenizer& tokenizer,
    std::string_view path);

// Each word as the token sequences that spell it, at the start of a word and
// inside one.
std::vector<std::vector<TokenId>> encode_bad_words(
    const std::vector<std::string>& words, const Tokenizer& tokenizer);

// Does the template treat the role "developer" otherwise than any unknown
// one? If not, such messages become system messages.
bool knows_developer_role(const ChatTemplate& chat_template);

} // namespace parallm::openai
