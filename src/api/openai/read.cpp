#include <fmt/format.h>

#include "api/openai/tables.h"

// How the fields of one request fit each other.
namespace parallm::openai {

namespace {

constexpr int kDefaultCompletionTokens = 16;

template <class Request>
void gather_inert(Request& request) {
  const auto& more = request.prompt.inert;
  request.inert.insert(request.inert.end(), more.begin(), more.end());
}

bool reads(const ChatTemplate* form, std::string_view variable) {
  return form != nullptr && form->reads(variable);
}

// Fields that are for the template alone are without effect where it does not
// read them, or where chat_template_kwargs say something else.
void note_unread(ChatPrompt& prompt, const ChatTemplate* model) {
  const auto* form = prompt.own_template ? prompt.own_template.get() : model;
  const auto sets = [&](std::string_view variable) {
    return reads(form, variable) && !prompt.template_kwargs.contains(variable);
  };
  const bool thinks_less =
      prompt.reasoning_effort == "none" && sets("enable_thinking");
  if (!prompt.reasoning_effort.empty() && !thinks_less &&
      !sets("reasoning_effort")) {
    prompt.inert.push_back("reasoning_effort");
  }
  const bool is_default =
      prompt.verbosity.empty() || prompt.verbosity == "medium";
  if (!is_default && !sets("verbosity")) {
    prompt.inert.push_back("verbosity");
  }
  for (const auto& kwarg : prompt.template_kwargs) {
    if (!reads(form, kwarg.key())) {
      prompt.inert.push_back(
          shown_path("chat_template_kwargs." + std::string(kwarg.key())));
    }
  }
}

// Two names of one bound.
Check merge_max_tokens(GenerateFields& request) {
  const auto& other = request.max_completion_tokens;
  if (other && request.max_tokens && *other != *request.max_tokens) {
    return conflict_of_fields(
        "max_tokens", fmt::format(
                          "got {}, but max_completion_tokens is {}",
                          *request.max_tokens, *other));
  }
  if (other) {
    request.max_tokens = other;
  }
  return {};
}

Check check_min_tokens(const GenerateFields& request) {
  const int most = request.max_tokens.value_or(request.default_max_tokens);
  if (request.min_tokens > most) {
    return invalid_value(
        "min_tokens", std::to_string(request.min_tokens),
        fmt::format("at most max_tokens, {}", most));
  }
  return {};
}

Check check_stream_options(const GenerateFields& request) {
  if (request.has_stream_options && !request.stream) {
    return conflict_of_fields("stream_options", "it needs stream to be true");
  }
  return {};
}

// flex and the fast tiers are names for priorities.
Check apply_service_tier(GenerateFields& request) {
  const auto tier = request.service_tier;
  if (tier == ServiceTier::kAuto || tier == ServiceTier::kDefault) {
    return {};
  }
  if (request.priority) {
    return conflict_of_fields(
        "priority", "service_tier has already set a priority");
  }
  request.priority = tier == ServiceTier::kFlex ? 50 : -50;
  return {};
}

Check check_common(GenerateFields& request) {
  using Step = Check (*)(GenerateFields&);
  constexpr Step kSteps[] = {
      merge_max_tokens,
      [](GenerateFields& r) { return check_min_tokens(r); },
      [](GenerateFields& r) { return check_stream_options(r); },
      apply_service_tier,
  };
  for (const auto step : kSteps) {
    if (auto wrong = step(request)) {
      return wrong;
    }
  }
  return {};
}

Check check_prompt_form(const ChatPrompt& prompt) {
  if (prompt.continue_final_message &&
      prompt.add_generation_prompt.value_or(false)) {
    return conflict_of_fields(
        "continue_final_message", "add_generation_prompt is true as well");
  }
  if (prompt.continue_final_message && !prompt.messages.empty() &&
      !prompt.messages.back().at("content").is_string()) {
    return invalid_value(
        "continue_final_message", "true",
        "false, because the final message has no content");
  }
  return {};
}

Check check_top_logprobs(const ChatRequest& request) {
  if (request.top_logprobs > 0 && !request.logprobs) {
    return conflict_of_fields("top_logprobs", "it needs logprobs to be true");
  }
  return {};
}

Check check_chat_choices(const ChatRequest& request, int limit) {
  if (request.n <= limit) {
    return {};
  }
  return invalid_value(
      "n", std::to_string(request.n), fmt::format("at most {}", limit));
}

// Names what there is too much of.
Check check_choices(const CompletionRequest& request, int limit) {
  const auto prompts = request.prompts.size();
  const int each = request.best_of.value_or(request.n);
  if (prompts * size_t(each) <= size_t(limit)) {
    return {};
  }
  if (prompts == 1) {
    return invalid_value(
        request.best_of ? "best_of" : "n", std::to_string(each),
        fmt::format("at most {}", limit));
  }
  return invalid_value(
      "prompt",
      each == 1 ? fmt::format("{} prompts", prompts)
                : fmt::format("{} prompts of {} choices each", prompts, each),
      fmt::format("at most {} choices in all", limit));
}

// Token ids are taken as they are: nothing is put around them.
void note_ids(CompletionRequest& request) {
  const bool has_ids = std::holds_alternative<TokenIds>(request.prompts[0]);
  if (has_ids && request.add_special_tokens.value_or(false)) {
    request.inert.push_back("add_special_tokens");
  }
}

// A text is encoded without a template.
Check check_untemplated(const ChatPrompt& prompt) {
  constexpr std::string_view kWhy = "it needs messages in place of prompt";
  if (!prompt.add_generation_prompt.value_or(true)) {
    return conflict_of_fields("add_generation_prompt", kWhy);
  }
  if (prompt.continue_final_message) {
    return conflict_of_fields("continue_final_message", kWhy);
  }
  return prompt.template_kwargs.empty()
             ? Check{}
             : conflict_of_fields("chat_template_kwargs", kWhy);
}

Check check_best_of(const CompletionRequest& request) {
  const int best_of = request.best_of.value_or(request.n);
  if (best_of < request.n) {
    return invalid_value(
        "best_of", std::to_string(best_of),
        fmt::format("at least n, {}", request.n));
  }
  if (best_of > request.n && (request.stream || request.echo)) {
    return conflict_of_fields(
        "best_of", "more than n goes with neither stream nor echo");
  }
  return {};
}

} // namespace

Result<ChatRequest, ApiError> read_chat(
    const json::object& body, const Tables& tables, ChatRequest request) {
  if (auto wrong = tables.chat.read(body, tables.unknown_fields, request)) {
    return *wrong;
  }
  for (const auto& wrong :
       {check_common(request), check_prompt_form(request.prompt),
        check_top_logprobs(request),
        check_chat_choices(request, tables.max_choices)}) {
    if (wrong) {
      return *wrong;
    }
  }
  note_unread(request.prompt, tables.model_template.get());
  gather_inert(request);
  return request;
}

Result<CompletionRequest, ApiError> read_completion(
    const json::object& body, const Tables& tables, CompletionRequest request) {
  request.default_max_tokens = kDefaultCompletionTokens;
  if (auto wrong =
          tables.completions.read(body, tables.unknown_fields, request)) {
    return *wrong;
  }
  for (const auto& wrong :
       {check_common(request), check_best_of(request),
        check_choices(request, tables.max_choices)}) {
    if (wrong) {
      return *wrong;
    }
  }
  note_ids(request);
  return request;
}

Result<TokenizeRequest, ApiError> read_tokenize(
    const json::object& body, const Tables& tables) {
  TokenizeRequest request;
  if (auto wrong = tables.tokenize.read(body, tables.unknown_fields, request)) {
    return *wrong;
  }
  const bool has_messages = !request.prompt.messages.empty();
  if (request.has_text && has_messages) {
    return conflict_of_fields("messages", "prompt is given as well");
  }
  if (!request.has_text && !has_messages) {
    return missing_field("prompt");
  }
  auto wrong = request.has_text ? check_untemplated(request.prompt)
                                : check_prompt_form(request.prompt);
  if (wrong) {
    return *wrong;
  }
  note_unread(request.prompt, tables.model_template.get());
  gather_inert(request);
  return request;
}

Result<DetokenizeRequest, ApiError> read_detokenize(
    const json::object& body, const Tables& tables) {
  DetokenizeRequest request;
  if (auto wrong =
          tables.detokenize.read(body, tables.unknown_fields, request)) {
    return *wrong;
  }
  return request;
}

} // namespace parallm::openai
