#include "api/json_writer.h"
#include "api/openai/endpoints.h"
#include "api/openai/errors.h"

// GET /v1/models, /v1/models/{id} (api.md 12)
namespace parallm::openai {

namespace {

// As JSON numbers; the card holds floats.
void append_sampling(JsonWriter& json, const SamplingDefaults& sampling) {
  json.key("default_sampling").object();
  json.key("temperature").number(sampling.temperature);
  json.key("top_p").number(sampling.top_p);
  json.key("top_k").integer(sampling.top_k);
  json.key("min_p").number(sampling.min_p);
  json.key("repetition_penalty").number(sampling.repetition_penalty);
  json.end_object();
}

std::string_view status_name(EngineState state) {
  switch (state) {
    case EngineState::kLoading:
      return "loading";
    case EngineState::kReady:
    case EngineState::kDraining:
      return "loaded";
    case EngineState::kFailed:
      break;
  }
  return "error";
}

void append_capabilities(JsonWriter& json, const AppContext& app) {
  json.key("capabilities").array().text("completion");
  if (app.chat_template) {
    json.text("chat");
  }
  json.text("stream").text("logprobs").text("tokenize").end_array();
}

void append_model(
    JsonWriter& json, const AppContext& app, std::string_view name) {
  const auto& card = app.card;
  json.object().key("id").text(name).key("object").text("model");
  json.key("created").integer(card.created);
  json.key("owned_by").text("mlx_parallm");
  json.key("root").text(card.root);
  json.key("parent").null();
  json.key("adapter").text_or_null(card.adapter);
  json.key("status").text(status_name(app.status.state));
  json.key("type").text("causal_lm");
  json.key("max_model_len").integer(card.max_model_len);
  append_sampling(json, card.defaults);
  json.key("quantization").text_or_null(card.quantization);
  json.key("numerics").text(card.numerics);
  json.key("system_fingerprint").text(card.system_fingerprint);
  json.key("weight_version").text(card.weight_version);
  append_capabilities(json, app);
  json.end_object();
}

std::string list_json(const AppContext& app) {
  std::string out;
  JsonWriter json(out);
  json.object().key("object").text("list").key("data").array();
  append_model(json, app, app.card.id);
  for (const auto& alias : app.card.aliases) {
    if (alias != "*") {
      append_model(json, app, alias);
    }
  }
  json.end_array().end_object();
  return out;
}

http::Response model_response(const AppContext& app, std::string_view name) {
  if (auto missing = check_model(app.card, name)) {
    return error_response(*missing);
  }
  http::Response response;
  JsonWriter json(response.body);
  append_model(json, app, name);
  return response;
}

} // namespace

http::Task<> list_models(http::Exchange& exchange, const Service& service) {
  http::Response response{.body = list_json(service.app)};
  co_await exchange.send(std::move(response));
}

http::Task<> get_model(http::Exchange& exchange, const Service& service) {
  auto response = model_response(service.app, exchange.request().rest);
  co_await exchange.send(std::move(response));
}

} // namespace parallm::openai
