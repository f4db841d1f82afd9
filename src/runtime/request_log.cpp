#include "runtime/request_log.h"

#include <fmt/format.h>

#include "base/log.h"

namespace parallm {

namespace {

constexpr size_t kShownBytes = 64 << 10; // of a body

std::string line_of(const http::ResponseRecord& record, RequestLog requests) {
  const http::Request& request = record.request;
  std::string line = fmt::format(
      "{} {} {} in {:.1f} ms, request {}", request.method,
      record.route.empty() ? "(no route)" : record.route, record.status,
      record.ms, request.id);
  if (!record.note.empty()) {
    line += ", " + record.note;
  }
  if (requests == RequestLog::kFull && !request.body.empty()) {
    line += ", body " + request.body.substr(0, kShownBytes);
  }
  return line;
}

// What monitors ask for every few seconds would drown the rest.
bool is_chatter(std::string_view route) {
  return route.starts_with("/health") || route == "/metrics";
}

} // namespace

http::ResponseHook make_response_hook(
    RequestLog requests, ServerMetrics& metrics) {
  return [requests, &metrics](const http::ResponseRecord& record) {
    metrics.count_response(record.route, record.status);
    if (requests == RequestLog::kOff) {
      return;
    }
    if (is_chatter(record.route)) {
      log::debug("{}", line_of(record, requests));
    } else {
      log::info("{}", line_of(record, requests));
    }
  };
}

} // namespace parallm
