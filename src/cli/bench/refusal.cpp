#include "cli/bench/refusal.h"

#include <fmt/format.h>

#include "api/utf8.h"
#include "base/check.h"
#include "cli/bench/json_at.h"

namespace parallm::bench {

namespace {

constexpr size_t kCharacters = 300; // a line or two of a terminal

} // namespace

std::string error_text(const std::string& body) {
  const auto parsed = parse_json(body);
  const auto message =
      parsed ? text_at(parsed.value(), "/error/message") : std::string();
  const std::string text = lossy_utf8(message.empty() ? body : message);
  return std::string(first_code_points(text, kCharacters));
}

std::string refusal_of(const http::Answer& answer) {
  if (!answer.error.empty()) {
    return answer.error;
  }
  return answer.status == 200
             ? ""
             : fmt::format("{}: {}", answer.status, error_text(answer.body));
}

void expect_success(
    const http::Address& server,
    const std::string& path,
    const http::Answer& answer) {
  if (refusal_of(answer).empty()) {
    return;
  }
  const auto advice = "start a server there, or say with --url where one is";
  throw StartError(
      kExitUnavailable,
      answer.error.empty()
          ? fmt::format("{}{}: {}", server.url(), path, refusal_of(answer))
          : fmt::format("{}: {}; {}", server.url(), answer.error, advice));
}

} // namespace parallm::bench
