#include "api/routes.h"

#include <fmt/format.h>

#include "api/health.h"
#include "api/json_writer.h"
#include "api/openai/endpoints.h"
#include "api/openai/errors.h"
#include "base/version.h"

namespace parallm {

namespace {

using http::Access;
using http::Exchange;
using http::Handler;
using http::Route;
using http::Task;
using openai::Service;

// Shared by the handlers of all routes.
using SharedService = std::shared_ptr<const Service>;

Handler with(
    SharedService service, Task<> (*handle)(Exchange&, const Service&)) {
  return [service = std::move(service), handle](Exchange& exchange) {
    return handle(exchange, *service);
  };
}

Handler with(
    const AppContext& app, Task<> (*handle)(Exchange&, const AppContext&)) {
  return [&app, handle](Exchange& exchange) { return handle(exchange, app); };
}

// Stored completions are not offered: not a wrong method, nothing there.
Task<> not_found(Exchange& exchange, const Service&) {
  auto response = openai::failure_response(
      {404, "not_found",
       "There is no endpoint GET /v1/chat/completions, as no completion is "
       "stored"},
      exchange.request());
  co_await exchange.send(std::move(response));
}

// For whoever looks what is here.
std::string welcome_json(const std::vector<Route>& routes) {
  std::string out;
  JsonWriter json(out);
  json.object().key("name").text("mlx_parallm").key("version").text(kVersion);
  json.key("description")
      .text("generates text in parallel for MLX models, as the OpenAI API");
  json.key("documentation").text("docs/API.md");
  json.key("endpoints").array();
  for (const Route& route : routes) {
    json.text(fmt::format("{} {}", route.method, route.path));
  }
  json.end_array().end_object();
  return out;
}

Route welcome(const std::vector<Route>& routes) {
  Handler handle = [body = welcome_json(routes)](Exchange& exchange) {
    return exchange.send({.body = body});
  };
  return {"GET", "/", Access::kOpen, std::move(handle)};
}

} // namespace

std::vector<Route> make_routes(const AppContext& app) {
  const auto service = std::make_shared<const Service>(app);
  const auto chat = with(service, openai::chat_completion);
  const auto completion = with(service, openai::completion);
  const auto tokenize = with(service, openai::tokenize);
  const auto detokenize = with(service, openai::detokenize);
  const auto metrics_access =
      app.limits.metrics_auth ? Access::kUser : Access::kOpen;
  std::vector<Route> routes{
      {"POST", "/v1/chat/completions", Access::kUser, chat},
      {"POST", "/v1/completions", Access::kUser, completion},
      {"GET", "/v1/models", Access::kUser, with(service, openai::list_models)},
      {"GET", "/v1/models/*", Access::kUser, with(service, openai::get_model)},
      {"POST", "/tokenize", Access::kUser, tokenize},
      {"POST", "/v1/tokenize", Access::kUser, tokenize},
      {"POST", "/detokenize", Access::kUser, detokenize},
      {"POST", "/v1/detokenize", Access::kUser, detokenize},
      {"GET", "/health", Access::kOpen, with(app, health)},
      {"GET", "/health/ready", Access::kOpen, with(app, health_ready)},
      {"GET", "/health_generate", Access::kUser, with(app, health_generate)},
      {"GET", "/metrics", metrics_access, with(app, metrics)},
  };
  routes.push_back(welcome(routes));
  routes.push_back(
      {"GET", "/v1/chat/completions", Access::kUser, with(service, not_found)});
  return routes;
}

http::FailureBody make_failure_body() {
  return openai::failure_response;
}

std::string field_table_json() {
  return openai::field_table_json();
}

} // namespace parallm
