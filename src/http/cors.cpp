#include "http/cors.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace parallm::http {

namespace {

constexpr std::string_view kUsualHeaders =
    "authorization, content-type, x-api-key, x-request-id";

} // namespace

Cors::Cors(std::vector<std::string> origins, std::vector<std::string> exposed)
    : origins_(std::move(origins)),
      exposed_(fmt::format("{}", fmt::join(exposed, ", "))),
      any_(std::find(origins_.begin(), origins_.end(), "*") != origins_.end()) {
}

std::string Cors::allowed_origin(const Headers& request) const {
  const std::string_view origin = header_value(request, "origin");
  if (origin.empty() || !on()) {
    return "";
  }
  if (any_) {
    return "*";
  }
  const auto found = std::find(origins_.begin(), origins_.end(), origin);
  return found == origins_.end() ? "" : *found;
}

Headers Cors::answer_headers(const Headers& request) const {
  Headers headers;
  if (on() && !any_) {
    headers.emplace_back("vary", "origin");
  }
  const std::string origin = allowed_origin(request);
  if (origin.empty()) {
    return headers;
  }
  headers.emplace_back("access-control-allow-origin", origin);
  if (!any_) {
    headers.emplace_back("access-control-allow-credentials", "true");
  }
  if (!exposed_.empty()) {
    headers.emplace_back("access-control-expose-headers", exposed_);
  }
  return headers;
}

Response Cors::preflight(
    const Headers& request, const std::string& allow) const {
  const std::string methods = allow + ", OPTIONS";
  Response response{.status = 204, .content_type = ""};
  response.headers.emplace_back("allow", methods);
  if (!allowed_origin(request).empty()) {
    const std::string_view asked =
        header_value(request, "access-control-request-headers");
    response.headers.emplace_back("access-control-allow-methods", methods);
    response.headers.emplace_back(
        "access-control-allow-headers", asked.empty() ? kUsualHeaders : asked);
    response.headers.emplace_back("access-control-max-age", "600");
  }
  return response;
}

} // namespace parallm::http
