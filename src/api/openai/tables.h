#pragma once

#include "api/openai/request.h"

// Plain values and functions without state: any thread.
namespace parallm::openai {

using CompileTemplate =
    std::function<Result<std::shared_ptr<const ChatTemplate>, TemplateError>(
        std::string source)>;

// What the field tables need to know of the server.
struct TableSettings {
  int vocab = 1 << 30;
  int max_logprobs = 20;
  int max_choices = 2048; // prompts times n
  UnknownFields unknown_fields = UnknownFields::kRefuse;
  CompileTemplate compile_template{}; // empty: requests may not bring any
  // Null when the model has none; shared with the context.
  std::shared_ptr<const ChatTemplate> model_template{};
  SamplingDefaults defaults{};
};

FieldTable<GenerateFields> generate_fields(const TableSettings& settings);
FieldTable<ChatPrompt> chat_prompt_fields(const TableSettings& settings);

// The tables of the endpoints that take fields; built once per server.
struct Tables {
  UnknownFields unknown_fields = UnknownFields::kRefuse;
  int max_choices = 2048;
  std::shared_ptr<const ChatTemplate> model_template{}; // or null
  FieldTable<ChatRequest> chat{};
  FieldTable<CompletionRequest> completions{};
  FieldTable<TokenizeRequest> tokenize{};
  FieldTable<DetokenizeRequest> detokenize{};
};
Tables make_tables(const TableSettings& settings);

// A body -> a request whose fields fit each other (api.md 5 to 8).
Result<ChatRequest, ApiError> read_chat(
    const json::object& body, const Tables& tables, ChatRequest defaults);
Result<CompletionRequest, ApiError> read_completion(
    const json::object& body, const Tables& tables, CompletionRequest defaults);
Result<TokenizeRequest, ApiError> read_tokenize(
    const json::object& body, const Tables& tables);
Result<DetokenizeRequest, ApiError> read_detokenize(
    const json::object& body, const Tables& tables);

// {endpoint: [{name, type, range, default, outcome, required}, ...]}
std::string field_table_json();

} // namespace parallm::openai
