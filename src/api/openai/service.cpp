#include "api/openai/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/openai/prompt.h"

namespace parallm::openai {

Service::Service(const AppContext& app)
    : app(app),
      tables(make_tables(table_settings(app))),
      knows_developer(
          app.chat_template && knows_developer_role(*app.chat_template)) {
}

TableSettings table_settings(const AppContext& app) {
  const auto* chat = app.chat_template.get();
  const auto reads = [chat](std::string_view variable) {
    return chat != nullptr && chat->reads(variable);
  };
  return {
      .vocab = app.card.vocab,
      .max_logprobs = app.limits.max_logprobs,
      .unknown_fields = app.limits.unknown_fields,
      .allow_request_template = app.limits.allow_request_template,
      .reads_reasoning_effort = reads("reasoning_effort"),
      .reads_enable_thinking = reads("enable_thinking"),
      .reads_verbosity = reads("verbosity"),
      .defaults = app.card.defaults};
}

bool serves(const ModelCard& card, std::string_view name) {
  return name == card.id ||
         std::any_of(
             card.aliases.begin(), card.aliases.end(),
             [&](const auto& alias) { return alias == "*" || alias == name; });
}

Check check_model(const ModelCard& card, std::string_view name) {
  if (serves(card, name)) {
    return {};
  }
  return ApiError{
      .status = 404,
      .code = "model_not_found",
      .param = "model",
      .message = fmt::format(
          "'model': got {}, expected \"{}\" or an alias of it", quoted(name),
          card.id)};
}

} // namespace parallm::openai
