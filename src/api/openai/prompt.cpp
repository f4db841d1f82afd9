#include "api/openai/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "api/utf8.h"

namespace parallm::openai {

namespace {

// Marks the end of a message that the answer continues; not a word that a
// template or a client would write. A template that trims its messages takes
// the blank.
constexpr std::string_view kContinueMark = "\x02parallm-continue\x03";
constexpr std::string_view kBlanks = " \t\r\n";

// Special tokens spelled by the client stay text, wherever they stand.
void guard(json::value& value, const Tokenizer& tokenizer);

void guard_object(json::object& object, const Tokenizer& tokenizer) {
  json::object guarded;
  for (auto& member : object) {
    guard(member.value(), tokenizer);
    guarded[guard_special(member.key(), tokenizer)] = std::move(member.value());
  }
  object = std::move(guarded);
}

void guard(json::value& value, const Tokenizer& tokenizer) {
  if (auto* text = value.if_string()) {
    *text = guard_special(std::string(std::string_view(*text)), tokenizer);
  } else if (auto* items = value.if_array()) {
    for (auto& item : *items) {
      guard(item, tokenizer);
    }
  } else if (auto* object = value.if_object()) {
    guard_object(*object, tokenizer);
  }
}

void rename_developer(json::array& messages) {
  for (auto& message : messages) {
    auto& role = message.at("role");
    if (role == "developer") {
      role = "system";
    }
  }
}

void mark_final(json::array& messages) {
  auto& content = messages.back().at("content").as_string();
  content.append(json::string_view(kContinueMark));
  content.push_back(' ');
}

void add_reasoning(
    const ChatPrompt& prompt, const ChatTemplate& form, json::object& out) {
  const auto& effort = prompt.reasoning_effort;
  if (!effort.empty() && form.reads("reasoning_effort")) {
    out["reasoning_effort"] = effort;
  }
  if (effort == "none" && form.reads("enable_thinking")) {
    out["enable_thinking"] = false;
  }
  if (!prompt.verbosity.empty() && form.reads("verbosity")) {
    out["verbosity"] = prompt.verbosity;
  }
}

json::value documents_value(const ChatPrompt& prompt) {
  return prompt.documents ? json::value(*prompt.documents) : json::value();
}

json::object template_variables(
    const ChatPrompt& prompt, const ChatTemplate& form, bool knows_developer) {
  auto messages = prompt.messages;
  if (!knows_developer) {
    rename_developer(messages);
  }
  if (prompt.continue_final_message) {
    mark_final(messages);
  }
  json::object variables;
  add_reasoning(prompt, form, variables);
  // Absent, as transformers calls templates: null, not undefined.
  variables["tools"] = nullptr;
  variables["documents"] = documents_value(prompt);
  for (const auto& member : prompt.template_kwargs) {
    variables[member.key()] = member.value();
  }
  variables["messages"] = std::move(messages);
  variables["add_generation_prompt"] =
      prompt.add_generation_prompt.value_or(!prompt.continue_final_message);
  return variables;
}

// All before the mark, trimmed if the template trims.
Result<std::string, ApiError> cut_at_mark(std::string rendered) {
  const auto mark = rendered.rfind(kContinueMark);
  if (mark == std::string::npos) {
    return template_error(
        "messages",
        "'continue_final_message': the template does not show the final "
        "message");
  }
  const bool trims =
      !rendered.substr(mark + kContinueMark.size()).starts_with(' ');
  rendered.resize(mark);
  if (trims) {
    rendered.resize(rendered.find_last_not_of(kBlanks) + 1);
  }
  return rendered;
}

Result<std::string, ApiError> render(
    const ChatPrompt& prompt,
    const ChatTemplate& form,
    const Tokenizer& tokenizer,
    bool knows_developer) {
  json::value variables = template_variables(prompt, form, knows_developer);
  guard(variables, tokenizer);
  auto rendered = form.render(json::serialize(variables));
  if (!rendered) {
    return template_error("messages", rendered.error().message);
  }
  if (prompt.continue_final_message) {
    return cut_at_mark(std::move(rendered.value()));
  }
  return std::move(rendered.value());
}

struct UsedTemplate {
  std::shared_ptr<const ChatTemplate> form; // shared with the context
  bool knows_developer = false;
};

Result<UsedTemplate, ApiError> template_of(
    const ChatPrompt& prompt, const AppContext& app, bool knows_developer) {
  if (prompt.own_template) {
    return UsedTemplate{
        prompt.own_template, knows_developer_role(*prompt.own_template)};
  }
  if (!app.chat_template) {
    return template_error("messages", "this model has no chat template");
  }
  return UsedTemplate{app.chat_template, knows_developer};
}

// The end of `text` that has at most so many bytes, from a character on.
std::string_view last_bytes(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) {
    return text;
  }
  const auto is_inside = [](char byte) { return (byte & 0xC0) == 0x80; };
  const auto end = text.end();
  return {std::find_if_not(end - std::ptrdiff_t(bytes), end, is_inside), end};
}

// What is to be encoded. Of a prompt that is truncated anyway, only the end
// is worth the work.
Result<std::string_view, ApiError> within_bytes(
    std::string_view text, const EncodeRules& rules, std::string_view path) {
  if (text.size() <= rules.max_text_bytes) {
    return text;
  }
  if (rules.truncate_to) {
    return last_bytes(text, rules.max_text_bytes);
  }
  return too_many_bytes(path, text.size(), rules.max_text_bytes);
}

void keep_last(TokenIds& ids, const std::optional<int>& limit) {
  if (limit && ids.size() > size_t(*limit)) {
    ids.erase(ids.begin(), ids.end() - *limit);
  }
}

// Nothing to begin from: the model's BOS token, if it has one.
Result<EncodedPrompt, ApiError> not_empty(
    EncodedPrompt prompt, const Tokenizer& tokenizer, std::string_view path) {
  if (!prompt.ids.empty()) {
    return prompt;
  }
  const auto bos = tokenizer.bos();
  if (!bos) {
    return invalid_value(
        path, "no tokens", "at least 1; this model has no BOS token");
  }
  prompt.ids.push_back(*bos);
  return prompt;
}

EncodedPrompt encode_text(
    std::string_view text,
    const EncodeRules& rules,
    const Tokenizer& tokenizer) {
  EncodedPrompt prompt;
  prompt.ids =
      tokenizer.encode(text, {.add_special_tokens = rules.add_special_tokens});
  const auto whole = prompt.ids.size();
  keep_last(prompt.ids, rules.truncate_to);
  const bool cut = prompt.ids.size() < whole;
  prompt.text = cut ? tokenizer.decode(prompt.ids, rules.skip_special_tokens)
                    : std::string(text);
  return prompt;
}

EncodedPrompt take_ids(
    const TokenIds& ids, const EncodeRules& rules, const Tokenizer& tokenizer) {
  EncodedPrompt prompt{.ids = ids};
  keep_last(prompt.ids, rules.truncate_to);
  prompt.text = tokenizer.decode(prompt.ids, rules.skip_special_tokens);
  return prompt;
}

void add_once(
    std::vector<std::vector<TokenId>>& all, std::vector<TokenId> ids) {
  if (!ids.empty() && std::find(all.begin(), all.end(), ids) == all.end()) {
    all.push_back(std::move(ids));
  }
}

// Blanks at the ends are part of the neighbours' tokens as often as not. A word
// of nothing else stays.
std::string without_blanks(const std::string& word) {
  const auto begin = word.find_first_not_of(' ');
  if (begin == std::string::npos) {
    return word;
  }
  return word.substr(begin, word.find_last_not_of(' ') + 1 - begin);
}

std::optional<std::string> render_role(
    const ChatTemplate& form, const std::string& role) {
  const json::object variables{
      {"messages",
       {{{"role", role}, {"content", "Be brief."}},
        {{"role", "user"}, {"content", "Hello."}}}},
      {"tools", nullptr},
      {"documents", nullptr},
      {"add_generation_prompt", true}};
  auto rendered = form.render(json::serialize(variables));
  return rendered ? std::optional(std::move(rendered.value())) : std::nullopt;
}

void replace_all(
    std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

} // namespace

ApiError template_error(std::string_view path, std::string_view message) {
  constexpr size_t kShownCharacters = 300;
  return {
      .code = "chat_template_error",
      .param = std::string(path),
      .message = std::string(first_code_points(message, kShownCharacters))};
}

ApiError too_many_bytes(std::string_view path, size_t bytes, size_t most) {
  return {
      .code = "context_length_exceeded",
      .param = std::string(path),
      .message = fmt::format(
          "'{}': got {} bytes of text, expected at most {}", path, bytes,
          most)};
}

Result<EncodedPrompt, ApiError> encode_chat(
    const ChatPrompt& prompt,
    const EncodeRules& rules,
    const AppContext& app,
    bool knows_developer) {
  auto used = template_of(prompt, app, knows_developer);
  if (!used) {
    return used.error();
  }
  auto rendered = render(
      prompt, *used.value().form, *app.tokenizer, used.value().knows_developer);
  if (!rendered) {
    return rendered.error();
  }
  const auto text = within_bytes(rendered.value(), rules, "messages");
  if (!text) {
    return text.error();
  }
  EncodedPrompt encoded;
  encoded.ids =
      encode_guarded(text.value(), *app.tokenizer, rules.add_special_tokens);
  keep_last(encoded.ids, rules.truncate_to);
  encoded.text = unguard(std::move(rendered.value()));
  return not_empty(std::move(encoded), *app.tokenizer, "messages");
}

Result<EncodedPrompt, ApiError> encode_input(
    const PromptInput& input,
    const EncodeRules& rules,
    const Tokenizer& tokenizer,
    std::string_view path) {
  if (const auto* ids = std::get_if<TokenIds>(&input)) {
    return not_empty(take_ids(*ids, rules, tokenizer), tokenizer, path);
  }
  const auto text = within_bytes(std::get<std::string>(input), rules, path);
  if (!text) {
    return text.error();
  }
  return not_empty(
      encode_text(text.value(), rules, tokenizer), tokenizer, path);
}

std::vector<std::vector<TokenId>> encode_bad_words(
    const std::vector<std::string>& words, const Tokenizer& tokenizer) {
  constexpr EncodeOptions kPlain{
      .add_special_tokens = false, .parse_special = true};
  std::vector<std::vector<TokenId>> all;
  for (const auto& word : words) {
    const auto bare = without_blanks(word);
    add_once(all, tokenizer.encode(bare, kPlain));
    add_once(all, tokenizer.encode_continued(bare, kPlain));
    add_once(all, tokenizer.encode_continued(" " + bare, kPlain));
  }
  return all;
}

bool knows_developer_role(const ChatTemplate& chat_template) {
  constexpr std::string_view kNobody = "qzxwvyqz";
  const auto developer = render_role(chat_template, "developer");
  auto nobody = render_role(chat_template, std::string(kNobody));
  if (!developer || !nobody) {
    return developer.has_value();
  }
  replace_all(*nobody, kNobody, "developer");
  return *developer != *nobody;
}

} // namespace parallm::openai
