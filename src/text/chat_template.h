#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace parallm {

// The template raised an exception or does not compile; the message is fit
// for the client.
struct TemplateError {
  std::string message{};
};

// A checkpoint's Jinja chat template. Const once built, any thread; rendering
// belongs on the text pool.
class ChatTemplate {
 public:
  // From `folder`: chat_template.jinja, else chat_template.json, else
  // tokenizer_config.json. Null when the model has none. A list of named
  // templates keeps "default".
  static std::shared_ptr<const ChatTemplate> load(
      const std::string& folder, const Tokenizer& tokenizer);
  // A file that holds nothing but the template.
  static std::shared_ptr<const ChatTemplate> load_file(
      const std::string& path, const Tokenizer& tokenizer);
  // The same of a text; throws StartError naming `file`, where it comes from.
  static std::shared_ptr<const ChatTemplate> parse(
      const std::string& file, std::string text, const Tokenizer& tokenizer);
  static Result<std::shared_ptr<const ChatTemplate>, TemplateError> compile(
      std::string source, const Tokenizer& tokenizer);
  ~ChatTemplate();

  // `variables_json` is an object: messages, tools, add_generation_prompt ...
  // bos_token and the like, and the helpers that transformers defines
  // (raise_exception, strftime_now, tojson as Python writes it), are added.
  Result<std::string, TemplateError> render(
      std::string_view variables_json) const;

  // Does the template read this variable? ("tools", "enable_thinking")
  bool reads(std::string_view variable) const;

 private:
  struct State;
  explicit ChatTemplate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Text spelled by a client that looks like a special token stays text
// (api, section 5.1). guard() marks such spellings inside client text before
// rendering; encode_guarded() removes the marks and encodes the rest with
// special tokens. Text without spellings passes through unchanged.
std::string guard_special(std::string text, const Tokenizer& tokenizer);
std::string unguard(std::string rendered);
std::vector<TokenId> encode_guarded(
    std::string_view rendered, const Tokenizer& tokenizer, bool add_special);

} // namespace parallm
