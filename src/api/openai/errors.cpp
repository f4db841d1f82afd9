#include "api/openai/errors.h"

#include <fmt/format.h>

#include "api/json_writer.h"

namespace parallm::openai {

namespace {

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 408:
      return "timeout_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

// The same in the words of Anthropic, where they differ.
std::string_view messages_type_of(int status) {
  switch (status) {
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 500:
      return "api_error";
    case 503:
      return "overloaded_error";
    default:
      return type_of(status);
  }
}

bool is_of_messages(std::string_view path) {
  return path == "/v1/messages" || path.starts_with("/v1/messages/");
}

std::string messages_error_json(
    const ApiError& error, std::string_view request_id) {
  std::string out;
  JsonWriter json(out);
  json.object().key("type").text("error").key("error").object();
  json.key("type").text(messages_type_of(error.status));
  json.key("message").text(error.message).end_object();
  json.key("request_id").text(request_id).end_object();
  return out;
}

ApiError unavailable(std::string_view code, std::string_view why, int wait_s) {
  return {
      .status = 503,
      .code = std::string(code),
      .message = fmt::format("{}; try again in {} s", why, wait_s),
      .retry_after_s = wait_s};
}

} // namespace

std::string error_json(const ApiError& error) {
  std::string out;
  JsonWriter json(out);
  json.object().key("error").object();
  json.key("message").text(error.message);
  json.key("type").text(type_of(error.status));
  json.key("param").text_or_null(error.param);
  json.key("code").text_or_null(error.code);
  json.end_object().end_object();
  return out;
}

http::Response error_response(const ApiError& error) {
  http::Response response{.status = error.status, .body = error_json(error)};
  if (error.retry_after_s > 0) {
    response.headers.emplace_back(
        "retry-after", std::to_string(error.retry_after_s));
  }
  return response;
}

ApiError refusal_error(const Refusal& refusal) {
  const int wait_s = refusal.retry_after_s;
  switch (refusal.reason) {
    case RefusalReason::kQueueFull:
      return {
          .status = 429,
          .code = "queue_full",
          .message = fmt::format(
              "too many requests are waiting; try again in {} s", wait_s),
          .retry_after_s = wait_s};
    case RefusalReason::kDraining:
      return unavailable("draining", "the server is about to stop", wait_s);
    case RefusalReason::kLoading:
      return unavailable("loading", "the model is being loaded", wait_s);
    case RefusalReason::kFailed:
      break;
  }
  return unavailable("engine_restarting", "the engine has failed", wait_s);
}

ApiError timeout_error() {
  return {
      .status = 408,
      .code = "request_timeout",
      .message = "the deadline passed before the first token"};
}

ApiError engine_error() {
  return {
      .status = 500,
      .code = "engine_error",
      .message = "the engine failed on this request"};
}

ApiError unsatisfiable_error() {
  return {
      .code = "constraint_unsatisfiable",
      .message =
          "allowed_token_ids, bad_words, logit_bias and min_tokens together "
          "leave no token to choose"};
}

ApiError shutdown_error() {
  return unavailable("draining", "the server stopped before the end", 1);
}

http::Response failure_response(
    const http::Failure& failure, const http::Request& request) {
  ApiError error{
      .status = failure.status,
      .code = failure.code,
      .message = failure.message};
  if (error.status == 404) {
    error.message += "; GET / lists those there are, docs/API.md tells of them";
  }
  return is_of_messages(request.path)
             ? http::Response{.status = error.status,
                              .body = messages_error_json(error, request.id)}
             : error_response(error);
}

} // namespace parallm::openai
