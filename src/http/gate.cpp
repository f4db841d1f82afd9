#include "http/gate.h"

#include <fmt/format.h>

#include <algorithm>

#include "http/request_id.h"
#include "http/url.h"

namespace parallm::http {

namespace {

void refuse(const Site& site, Verdict& verdict, const Failure& failure) {
  verdict.answer = site.failure_body(failure, verdict.request);
  verdict.answer->status = failure.status;
}

bool has_body(const RequestHead& head) {
  return head.has_body || head.content_length.value_or(0) > 0;
}

std::string media_type(std::string_view value) {
  value = value.substr(0, value.find(';'));
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) {
    value.remove_suffix(1);
  }
  return to_lower(value);
}

void check_target(const Site& site, const RequestHead& head, Verdict& verdict) {
  auto target = parse_target(head.target);
  if (target) {
    verdict.request.path = std::move(target->path);
    verdict.request.query = std::move(target->query);
  } else {
    verdict.request.path = head.target.substr(0, head.target.find('?'));
    refuse(
        site, verdict,
        {400, "bad_request", "The path is not percent-encoded UTF-8"});
  }
}

void check_route(const Site& site, const RequestHead& head, Verdict& verdict) {
  RouteMatch match = site.router.find(head.method, verdict.request.path);
  if (head.method == "OPTIONS" && site.cors.on() && !match.allow.empty()) {
    verdict.answer = site.cors.preflight(head.headers, match.allow);
  } else if (match.route != nullptr) {
    verdict.route = match.route;
    verdict.request.rest = std::move(match.rest);
  } else if (match.allow.empty()) {
    refuse(
        site, verdict,
        {404, "not_found",
         fmt::format(
             "There is no endpoint {} {}", head.method, verdict.request.path)});
  } else {
    refuse(
        site, verdict,
        {405, "method_not_allowed",
         fmt::format(
             "{} does not work here; allowed: {}", head.method, match.allow)});
    verdict.answer->headers.emplace_back("allow", match.allow);
  }
}

void check_key(const Site& site, const RequestHead& head, Verdict& verdict) {
  switch (check_access(
      site.options.api_keys, head.headers, verdict.route->access)) {
    case Admission::kAllowed:
      return;
    case Admission::kNeedsAdmin:
      return refuse(
          site, verdict,
          {403, "admin_required", "This needs an API key of role admin"});
    case Admission::kNoKey:
      refuse(
          site, verdict,
          {401, "invalid_api_key",
           "An API key is required: Authorization: Bearer KEY, or x-api-key"});
      break;
    case Admission::kWrongKey:
      refuse(site, verdict, {401, "invalid_api_key", "Unknown API key"});
      break;
  }
  verdict.answer->headers.emplace_back("www-authenticate", "Bearer");
}

void check_type(const Site& site, const RequestHead& head, Verdict& verdict) {
  if (!has_body(head)) {
    return;
  }
  const auto encoding = verdict.request.header("content-encoding");
  if (!encoding.empty() && media_type(encoding) != "identity") {
    return refuse(
        site, verdict,
        {415, "unsupported_media_type",
         "Compressed request bodies are not accepted"});
  }
  const auto& accepted = verdict.route->content_types;
  const std::string type = media_type(verdict.request.header("content-type"));
  if (type.empty() || accepted.empty() ||
      std::find(accepted.begin(), accepted.end(), type) != accepted.end()) {
    return;
  }
  refuse(
      site, verdict,
      {415, "unsupported_media_type",
       fmt::format("Content-Type must be {}", fmt::join(accepted, " or "))});
}

void check_size(const Site& site, const RequestHead& head, Verdict& verdict) {
  if (head.content_length.value_or(0) <= verdict.max_body_bytes) {
    return;
  }
  verdict.close = true;
  if (verdict.answer) {
    return;
  }
  refuse(
      site, verdict,
      {413, "request_too_large",
       fmt::format(
           "The request body has {} bytes; at most {} are accepted",
           *head.content_length, verdict.max_body_bytes)});
}

} // namespace

Verdict judge(const Site& site, const RequestHead& head) {
  Verdict verdict;
  Request& request = verdict.request;
  request.method = head.method;
  request.headers = head.headers;
  request.id = request_id_for(request.header("x-request-id"));
  verdict.max_body_bytes = site.options.max_body_bytes;
  check_target(site, head, verdict);
  for (auto check : {check_route, check_key, check_type}) {
    if (!verdict.answer) {
      check(site, head, verdict);
    }
  }
  if (verdict.route != nullptr && verdict.route->max_body_bytes != 0) {
    verdict.max_body_bytes = verdict.route->max_body_bytes;
  }
  check_size(site, head, verdict);
  return verdict;
}

} // namespace parallm::http
