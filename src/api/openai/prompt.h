#pragma once

#include <limits>

#include "api/openai/request.h"

// Requests -> token ids. Text pool only.
// Plain values and functions without state: any thread.
namespace parallm::openai {

// A template that fails does so in its own words; they may repeat those of
// the client, and are cut.
ApiError template_error(std::string_view path, std::string_view message);

// A text that is not worth the work of encoding it.
ApiError too_many_bytes(std::string_view path, size_t bytes, size_t most);

struct EncodedPrompt {
  TokenIds ids{};
  std::string text{}; // what was encoded; for ids, what they spell
};

// What one prompt becomes, before its length is looked at.
struct EncodeRules {
  bool add_special_tokens = true;
  bool skip_special_tokens = true;  // in the text of a prompt of ids
  std::optional<int> truncate_to{}; // keep the last
  // A longer text is refused before the work of encoding it, or cut at its
  // front where the prompt is truncated.
  size_t max_text_bytes = std::numeric_limits<size_t>::max();
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

// Each word as the token sequences that spell it: at the start of a text, after
// a blank, and without one.
std::vector<std::vector<TokenId>> encode_bad_words(
    const std::vector<std::string>& words, const Tokenizer& tokenizer);

// Does the template treat the role "developer" otherwise than any unknown
// one? If not, such messages become system messages.
bool knows_developer_role(const ChatTemplate& chat_template);

} // namespace parallm::openai
