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
  TableSettings settings{
      .vocab = app.card.vocab,
      .max_logprobs = app.limits.max_logprobs,
      .max_choices = app.limits.max_choices,
      .unknown_fields = app.limits.unknown_fields,
      .model_template = app.chat_template,
      .defaults = app.card.defaults};
  if (app.limits.allow_request_template) {
    settings.compile_template = [&app](std::string source) {
      return ChatTemplate::compile(std::move(source), *app.tokenizer);
    };
  }
  return settings;
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
