#include "api/headers.h"
#include "api/json_writer.h"
#include "api/openai/endpoints.h"
#include "api/openai/errors.h"
#include "api/openai/prompt.h"
#include "api/utf8.h"

// POST /tokenize, /detokenize (api.md 8)
namespace parallm::openai {

namespace {

using Encoded = Result<EncodedPrompt, ApiError>;

// Some seconds of a text thread; no context bounds the work here. Templates
// have the same bound on what they render.
constexpr size_t kMaxTextBytes = 8 << 20;

// A prompt as text; unlike one to generate from it may be empty.
Encoded encode_plain(const TokenizeRequest& request, const AppContext& app) {
  if (request.text.size() > kMaxTextBytes) {
    return too_many_bytes("prompt", request.text.size(), kMaxTextBytes);
  }
  const bool special = request.add_special_tokens.value_or(true);
  EncodedPrompt prompt;
  prompt.ids =
      app.tokenizer->encode(request.text, {.add_special_tokens = special});
  return prompt;
}

Encoded encode(const TokenizeRequest& request, const Service& service) {
  if (request.has_text) {
    return encode_plain(request, service.app);
  }
  const EncodeRules rules{
      .add_special_tokens = request.add_special_tokens.value_or(false)};
  return encode_chat(
      request.prompt, rules, service.app, service.knows_developer);
}

void append_pieces(
    JsonWriter& json, const TokenIds& ids, const Tokenizer& tokenizer) {
  json.key("token_strs").array();
  for (const auto id : ids) {
    json.text(lossy_utf8(tokenizer.piece(id)));
  }
  json.end_array();
}

std::string tokens_json(
    const TokenizeRequest& request,
    const EncodedPrompt& prompt,
    const AppContext& app) {
  std::string out;
  JsonWriter json(out);
  json.object().key("count").integer(int64_t(prompt.ids.size()));
  json.key("max_model_len").integer(app.card.max_model_len);
  json.key("tokens").array();
  for (const auto id : prompt.ids) {
    json.integer(id);
  }
  json.end_array();
  if (request.return_token_strs) {
    append_pieces(json, prompt.ids, *app.tokenizer);
  }
  if (!request.has_text) {
    json.key("prompt").text(prompt.text);
  }
  json.end_object();
  return out;
}

Result<json::object, ApiError> body_object(const http::Exchange& exchange) {
  return parse_object(exchange.request().body);
}

http::Response tokenize_body(
    const http::Exchange& exchange, const Service& service) {
  auto body = body_object(exchange);
  if (!body) {
    return error_response(body.error());
  }
  auto request = read_tokenize(body.value(), service.tables);
  if (!request) {
    return error_response(request.error());
  }
  if (auto wrong = check_model(service.app.card, request.value().model)) {
    return error_response(*wrong);
  }
  auto prompt = encode(request.value(), service);
  if (!prompt) {
    return error_response(prompt.error());
  }
  http::Response response{
      .body = tokens_json(request.value(), prompt.value(), service.app)};
  add_inert_header(request.value().inert, response.headers);
  return response;
}

http::Response detokenize_body(
    const http::Exchange& exchange, const Service& service) {
  auto body = body_object(exchange);
  if (!body) {
    return error_response(body.error());
  }
  auto request = read_detokenize(body.value(), service.tables);
  if (!request) {
    return error_response(request.error());
  }
  if (auto wrong = check_model(service.app.card, request.value().model)) {
    return error_response(*wrong);
  }
  const auto& asked = request.value();
  http::Response response;
  JsonWriter json(response.body);
  json.object().key("prompt").text(lossy_utf8(
      service.app.tokenizer->decode(asked.tokens, asked.skip_special_tokens)));
  json.end_object();
  add_inert_header(asked.inert, response.headers);
  return response;
}

using Work = http::Response (*)(const http::Exchange&, const Service&);

// All of it is work for the text pool.
http::Task<> answer_on_pool(
    http::Exchange& exchange, const Service& service, Work work) {
  auto job = [&exchange, &service, work] { return work(exchange, service); };
  auto response = co_await service.app.pool.run(std::move(job));
  co_await exchange.send(std::move(response));
}

} // namespace

http::Task<> tokenize(http::Exchange& exchange, const Service& service) {
  return answer_on_pool(exchange, service, tokenize_body);
}

http::Task<> detokenize(http::Exchange& exchange, const Service& service) {
  return answer_on_pool(exchange, service, detokenize_body);
}

} // namespace parallm::openai
