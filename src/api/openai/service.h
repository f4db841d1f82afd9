#pragma once

#include "api/context.h"
#include "api/openai/tables.h"

namespace parallm::openai {

// What the OpenAI handlers share. Const once built, any thread; outlives the
// server.
struct Service {
  explicit Service(const AppContext& app);

  const AppContext& app;
  Tables tables;
  bool knows_developer = false; // the model's template has that role
};

TableSettings table_settings(const AppContext& app);

// Is this the served model, or another name of it?
bool serves(const ModelCard& card, std::string_view name);
Check check_model(const ModelCard& card, std::string_view name);

} // namespace parallm::openai
