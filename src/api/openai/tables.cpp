#include "api/openai/tables.h"

#include <array>
#include <boost/json/serialize.hpp>

#include "api/openai/messages.h"

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
      const auto path = value.path + "." + reserved;
      return invalid_value(path, "it", "a name that is not reserved");
    }
  }
  if (json::serialize(value.json).size() > kMaxKwargsBytes) {
    return invalid_value(value.path, "more", "at most 65536 bytes");
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

FieldTable<ChatRequest>::Read template_reader(bool allowed) {
  return [allowed](const Value& value, ChatRequest& request) -> Check {
    if (!allowed) {
      return unsupported_field(
          value.path, "this server does not take templates from requests");
    }
    auto source = read_string(value, {.low = 1});
    if (!source) {
      return source.error();
    }
    request.prompt.chat_template = std::move(source.value());
    return {};
  };
}

FieldTable<ChatRequest>::Read effort_reader(const TableSettings& settings) {
  const bool effort = settings.reads_reasoning_effort;
  const bool thinking = settings.reads_enable_thinking;
  return [=](const Value& value, ChatRequest& request) -> Check {
    constexpr std::array<std::string_view, 7> kEfforts{
        "none", "minimal", "low", "medium", "high", "xhigh", "max"};
    auto word = read_word(value, kEfforts);
    if (!word) {
      return word.error();
    }
    request.prompt.reasoning_effort = kEfforts[word.value()];
    const bool off = word.value() == 0;
    if (!effort && !(off && thinking)) {
      request.inert.push_back(value.path);
    }
    return {};
  };
}

FieldTable<ChatRequest>::Read verbosity_reader(const TableSettings& settings) {
  const bool reads = settings.reads_verbosity;
  return [=](const Value& value, ChatRequest& request) -> Check {
    constexpr std::array<std::string_view, 3> kWords{"low", "medium", "high"};
    auto word = read_word(value, kWords);
    if (!word) {
      return word.error();
    }
    request.prompt.verbosity = kWords[word.value()];
    if (!reads && kWords[word.value()] != "medium") {
      request.inert.push_back(value.path);
    }
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
          template_reader(settings.allow_request_template))
      .add(
          {"reasoning_effort", "string",
           "none, minimal, low, medium, high, xhigh, max"},
          effort_reader(settings))
      .add(
          {"verbosity", "string", "low, medium, high", "\"medium\""},
          verbosity_reader(settings))
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
  const auto inert_word = [](const Value& value) -> Check {
    auto word = view_string(value);
    return word ? Check{} : word.error();
  };
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
      // No template reads them here.
      .inert({"reasoning_effort", "string"}, inert_word)
      .inert({"verbosity", "string"}, inert_word);
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

FieldTable<TokenizeRequest> tokenize_fields(const TableSettings& settings) {
  FieldTable<TokenizeRequest> table;
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
  table.include(chat_prompt_fields(settings), &TokenizeRequest::prompt)
      .text("model", {.low = 1}, &TokenizeRequest::model)
      .required("model")
      .add({"prompt", "string"}, read_tokenize_text)
      .boolean(
          "add_special_tokens", &TokenizeRequest::add_special_tokens, "null")
      .boolean(
          "return_token_strs", &TokenizeRequest::return_token_strs, "false")
      .refused("tools", kLater, {json::array{}})
      .inert({"user", "string"}, user)
      .inert({"priority", "integer", "-100 to 100"}, priority)
      .inert({"timeout", "number", "0 to 86400"}, timeout);
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
  const auto user = [](const Value& value) -> Check {
    auto text = view_string(value);
    return text ? Check{} : text.error();
  };
  table.text("model", {.low = 1}, &DetokenizeRequest::model)
      .required("model")
      .add({"tokens", "[integer]", "ids of the vocabulary"}, read_tokens)
      .required("tokens")
      .boolean(
          "skip_special_tokens", &DetokenizeRequest::skip_special_tokens,
          "false")
      .inert({"user", "string"}, user);
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
