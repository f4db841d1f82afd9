#include "api/routes.h"

#include "api/health.h"
#include "api/openai/endpoints.h"
#include "api/openai/errors.h"

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
  auto response = openai::error_response(
      {.status = 404,
       .code = "not_found",
       .message = "stored completions are not offered"});
  co_await exchange.send(std::move(response));
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
  return {
      {"POST", "/v1/chat/completions", Access::kUser, chat},
      {"GET", "/v1/chat/completions", Access::kUser, with(service, not_found)},
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
}

http::FailureBody make_failure_body() {
  return openai::failure_response;
}

std::string field_table_json() {
  return openai::field_table_json();
}

} // namespace parallm
