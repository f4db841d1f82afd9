#include "api/openai/tables.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <span>

#include "api/openai/messages.h"
#include "api/openai/prompt.h"

namespace parallm::openai {

namespace {

constexpr int kMaxInt = std::numeric_limits<int>::max();
constexpr size_t kMaxPrompts = 2048;
constexpr size_t kMaxKwargsBytes = 64 << 10;
constexpr auto kLater = "this version does not offer it";

// ---- chat ----

Check read_kwargs(const Value& value, ChatPrompt& prompt) {
  auto kwargs = read_object(value);
  if (!kwargs) {
    return kwargs.error();
  }
  for (const auto* reserved : {"messages", "tools", "add_generation_prompt"}) {
    if (kwargs.value()->contains(reserved)) {
      const auto kwarg = value.field(reserved);
      return invalid_value(
          kwarg.path, describe(kwarg.json),
          "nothing; the name belongs to the request itself");
    }
  }
  // To templates, the word "false" is as true as any other.
  const auto* thinks = kwargs.value()->if_contains("enable_thinking");
  if (thinks != nullptr && !thinks->is_bool() && !thinks->is_null()) {
    return invalid_type(
        value.field("enable_thinking").path, *thinks, "true or false");
  }
  const auto bytes = json::serialize(value.json).size();
  if (bytes > kMaxKwargsBytes) {
    return invalid_value(
        value.path, fmt::format("{} bytes", bytes),
        fmt::format("at most {} bytes", kMaxKwargsBytes));
  }
  prompt.template_kwargs = *kwargs.value();
  return check_finite(value);
}

Check read_documents(const Value& value, ChatRequest& request) {
  auto documents = read_array(value);
  if (!documents) {
    return documents.error();
  }
  for (size_t index = 0; index < documents.value()->size(); ++index) {
    auto document = read_object(value.item(index));
    if (!document) {
      return document.error();
    }
  }
  request.prompt.documents = *documents.value();
  return check_finite(value);
}

FieldTable<ChatRequest>::Read template_reader(CompileTemplate compile) {
  return [compile = std::move(compile)](
             const Value& value, ChatRequest& request) -> Check {
    if (!compile) {
      return unsupported_field(
          value.path, "this server does not take templates from requests");
    }
    auto source = read_string(value, {.low = 1});
    if (!source) {
      return source.error();
    }
    auto compiled = compile(std::move(source.value()));
    if (!compiled) {
      return template_error(value.path, compiled.error().message);
    }
    request.prompt.own_template = std::move(compiled.value());
    return {};
  };
}

constexpr std::array<std::string_view, 7> kEfforts{
    "none", "minimal", "low", "medium", "high", "xhigh", "max"};
constexpr std::array<std::string_view, 3> kVerbosities{"low", "medium", "high"};

FieldInfo effort_info() {
  return {
      "reasoning_effort", "string",
      "none, minimal, low, medium, high, xhigh, max"};
}

FieldInfo verbosity_info() {
  return {"verbosity", "string", "low, medium, high", "\"medium\""};
}

// Whether they have an effect is seen once the template is known (read.cpp).
FieldTable<ChatRequest>::Read prompt_word_reader(
    std::span<const std::string_view> words, std::string ChatPrompt::*member) {
  return [=](const Value& value, ChatRequest& request) -> Check {
    auto word = read_word(value, words);
    if (!word) {
      return word.error();
    }
    request.prompt.*member = words[word.value()];
    return {};
  };
}

FieldTable<ChatRequest> chat_fields(const TableSettings& settings) {
  FieldTable<ChatRequest> table;
  const json::object text_format{{"type", "text"}};
  table.include(generate_fields(settings))
      .include(chat_prompt_fields(settings), &ChatRequest::prompt)
      .required("messages")
      .boolean("logprobs", &ChatRequest::logprobs, "false")
      .integer(
          "top_logprobs", 0, settings.max_logprobs, &ChatRequest::top_logprobs,
          "0")
      .add({"documents", "[object]"}, read_documents)
      .add(
          {"chat_template", "string", "with --allow-request-template"},
          template_reader(settings.compile_template))
      .add(
          effort_info(),
          prompt_word_reader(kEfforts, &ChatPrompt::reasoning_effort))
      .add(
          verbosity_info(),
          prompt_word_reader(kVerbosities, &ChatPrompt::verbosity))
      .refused("tools", kLater, {json::array{}})
      .refused("tool_choice", kLater, {"none"})
      .refused("response_format", kLater, {text_format});
  return table;
}

// ---- completions ----

Result<TokenIds, ApiError> read_ids(const Value& value, int vocab) {
  auto numbers = read_integers(value, {}, 0, vocab - 1);
  if (!numbers) {
    return numbers.error();
  }
  return TokenIds(numbers.value().begin(), numbers.value().end());
}

Result<PromptInput, ApiError> read_one_prompt(const Value& value, int vocab) {
  if (value.json.is_array()) {
    auto ids = read_ids(value, vocab);
    return ids ? Result<PromptInput, ApiError>(
                     PromptInput(std::move(ids.value())))
               : ids.error();
  }
  auto text = read_string(value);
  return text ? Result<PromptInput, ApiError>(
                    PromptInput(std::move(text.value())))
              : text.error();
}

Check read_prompt_list(
    const Value& value, int vocab, CompletionRequest& request) {
  auto items = read_array(value, {1, kMaxPrompts});
  if (!items) {
    return items.error();
  }
  const auto kind = items.value()->front().kind();
  for (size_t index = 0; index < items.value()->size(); ++index) {
    const auto item = value.item(index);
    if (item.json.kind() != kind) {
      return invalid_type(item.path, item.json, "the type of the others");
    }
    auto prompt = read_one_prompt(item, vocab);
    if (!prompt) {
      return prompt.error();
    }
    request.prompts.push_back(std::move(prompt.value()));
  }
  return {};
}

// Is it [int], one prompt, and not a list of prompts?
bool is_id_list(const json::value& value) {
  return value.is_array() && !value.get_array().empty() &&
         value.get_array().front().is_number();
}

FieldTable<CompletionRequest>::Read prompt_reader(int vocab) {
  return [vocab](const Value& value, CompletionRequest& request) -> Check {
    if (!value.json.is_string() && !value.json.is_array()) {
      return invalid_type(value.path, value.json, "a string or an array");
    }
    if (value.json.is_array() && !is_id_list(value.json)) {
      return read_prompt_list(value, vocab, request);
    }
    auto prompt = read_one_prompt(value, vocab);
    if (!prompt) {
      return prompt.error();
    }
    request.prompts.push_back(std::move(prompt.value()));
    return {};
  };
}

// No template reads them here, so that only the default goes unmentioned.
FieldTable<CompletionRequest>::Read inert_word_reader(
    std::span<const std::string_view> words, std::string_view fallback) {
  return [=](const Value& value, CompletionRequest& request) -> Check {
    auto word = read_word(value, words);
    if (!word) {
      return word.error();
    }
    if (words[word.value()] != fallback) {
      request.inert.push_back(value.path);
    }
    return {};
  };
}

FieldInfo inert(FieldInfo info) {
  info.outcome = Outcome::kInert;
  return info;
}

FieldTable<CompletionRequest> completion_fields(const TableSettings& settings) {
  FieldTable<CompletionRequest> table;
  const auto refuse_suffix = [](const Value& value, CompletionRequest&) {
    return ApiError{
        .code = "unsupported_for_model",
        .param = value.path,
        .message = "'suffix': this model has no infill tokens"};
  };
  FieldInfo suffix{"suffix", "string", "for models with infill tokens"};
  suffix.outcome = Outcome::kRefused;
  table.include(generate_fields(settings))
      .add(
          {"prompt", "string, [string], [integer] or [[integer]]",
           "at most 2048 prompts"},
          prompt_reader(settings.vocab))
      .required("prompt")
      .integer("max_tokens", 0, kMaxInt, &CompletionRequest::max_tokens, "16")
      .integer(
          "logprobs", 0, settings.max_logprobs, &CompletionRequest::logprobs)
      .integer("best_of", 1, 20, &CompletionRequest::best_of)
      .boolean("echo", &CompletionRequest::echo, "false")
      .add(std::move(suffix), refuse_suffix)
      .add(inert(effort_info()), inert_word_reader(kEfforts, ""))
      .add(inert(verbosity_info()), inert_word_reader(kVerbosities, "medium"));
  return table;
}

// ---- tokenize, detokenize ----

Check read_tokenize_text(const Value& value, TokenizeRequest& request) {
  auto text = read_string(value);
  if (!text) {
    return text.error();
  }
  request.text = std::move(text.value());
  request.has_text = true;
  return {};
}

// What generating endpoints have, and what there is nothing to do for here.
template <class Request>
void add_idle(FieldTable<Request>& table) {
  const auto priority = [](const Value& value) -> Check {
    auto number = read_integer(value, -100, 100);
    return number ? Check{} : number.error();
  };
  const auto timeout = [](const Value& value) -> Check {
    auto number = read_number(value, {0, 86400, true});
    return number ? Check{} : number.error();
  };
  const auto user = [](const Value& value) -> Check {
    auto text = view_string(value);
    return text ? Check{} : text.error();
  };
  table.inert({"user", "string"}, user)
      .inert({"priority", "integer", "-100 to 100"}, priority)
      .inert({"timeout", "number", "above 0 and at most 86400"}, timeout);
}

FieldTable<TokenizeRequest> tokenize_fields(const TableSettings& settings) {
  FieldTable<TokenizeRequest> table;
  add_idle(table);
  table.include(chat_prompt_fields(settings), &TokenizeRequest::prompt)
      .text("model", {.low = 1}, &TokenizeRequest::model)
      .required("model")
      .add({"prompt", "string"}, read_tokenize_text)
      .boolean(
          "add_special_tokens", &TokenizeRequest::add_special_tokens, "null")
      .boolean(
          "return_token_strs", &TokenizeRequest::return_token_strs, "false")
      .refused("tools", kLater, {json::array{}});
  return table;
}

FieldTable<DetokenizeRequest> detokenize_fields(const TableSettings& settings) {
  FieldTable<DetokenizeRequest> table;
  const auto read_tokens = [vocab = settings.vocab](
                               const Value& value,
                               DetokenizeRequest& request) -> Check {
    auto ids = read_ids(value, vocab);
    if (!ids) {
      return ids.error();
    }
    request.tokens = std::move(ids.value());
    return {};
  };
  add_idle(table);
  table.text("model", {.low = 1}, &DetokenizeRequest::model)
      .required("model")
      .add({"tokens", "[integer]", "ids of the vocabulary"}, read_tokens)
      .required("tokens")
      .boolean(
          "skip_special_tokens", &DetokenizeRequest::skip_special_tokens,
          "false");
  return table;
}

} // namespace

FieldTable<ChatPrompt> chat_prompt_fields(const TableSettings& settings) {
  FieldTable<ChatPrompt> table;
  table
      .add(
          {"messages", "array", "at least 1 message"},
          messages_reader(settings.unknown_fields))
      .boolean(
          "add_generation_prompt", &ChatPrompt::add_generation_prompt, "true")
      .boolean(
          "continue_final_message", &ChatPrompt::continue_final_message,
          "false")
      .add(
          {"chat_template_kwargs", "object", "at most 65536 bytes", "{}"},
          read_kwargs);
  return table;
}

Tables make_tables(const TableSettings& settings) {
  return {
      .unknown_fields = settings.unknown_fields,
      .max_choices = settings.max_choices,
      .model_template = settings.model_template,
      .chat = chat_fields(settings),
      .completions = completion_fields(settings),
      .tokenize = tokenize_fields(settings),
      .detokenize = detokenize_fields(settings)};
}

std::string field_table_json() {
  const auto tables = make_tables({});
  return json::serialize(json::object{
      {"/v1/chat/completions", tables.chat.to_json()},
      {"/v1/completions", tables.completions.to_json()},
      {"/tokenize", tables.tokenize.to_json()},
      {"/detokenize", tables.detokenize.to_json()}});
}

} // namespace parallm::openai
