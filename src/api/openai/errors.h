#pragma once

#include "api/api_error.h"
#include "core/generator.h"
#include "http/route.h"

// The OpenAI shape of errors (api.md 3).
// Plain values and functions without state: any thread.
namespace parallm::openai {

// {"error":{message, type, param, code}}
std::string error_json(const ApiError& error);
http::Response error_response(const ApiError& error);

// Admission said no: 429 or 503.
ApiError refusal_error(const Refusal& refusal);
ApiError timeout_error(); // 408, before the first token
ApiError engine_error();
ApiError unsatisfiable_error(); // 400: the masks left no token
ApiError shutdown_error();

// What http/ refuses by itself; under /v1/messages in the shape of Anthropic,
// {"type":"error","error":{type, message},"request_id"}. A 404 tells where the
// endpoints are listed.
http::Response failure_response(
    const http::Failure& failure, const http::Request& request);

} // namespace parallm::openai
