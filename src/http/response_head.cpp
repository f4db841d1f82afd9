#include "http/response_head.h"

#include <fmt/format.h>

#include <boost/beast/http/status.hpp>
#include <ctime>

namespace parallm::http {

namespace {

void add_header(
    std::string& bytes, std::string_view name, std::string_view value) {
  bytes += name;
  bytes += ": ";
  for (char c : value) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    bytes += control ? '_' : c;
  }
  bytes += "\r\n";
}

// RFC 9110 wants English names whatever the locale.
std::string http_date(std::time_t now) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed",
                                   "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm utc{};
  gmtime_r(&now, &utc);
  return fmt::format(
      "{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[utc.tm_wday], utc.tm_mday,
      kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
      utc.tm_sec);
}

const std::string& date_header() {
  thread_local std::time_t written_at = 0;
  thread_local std::string written;
  if (const std::time_t now = std::time(nullptr); now != written_at) {
    written = http_date(now);
    written_at = now;
  }
  return written;
}

std::string status_line(int status) {
  const auto phrase = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  return fmt::format(
      "HTTP/1.1 {} {}\r\n", status,
      std::string_view(phrase.data(), phrase.size()));
}

void add_connection(std::string& bytes, const ResponseHead& head) {
  if (!head.keep_alive) {
    add_header(bytes, "connection", "close");
  } else if (head.http_1_0) {
    add_header(bytes, "connection", "keep-alive");
  }
}

void add_framing(std::string& bytes, const ResponseHead& head) {
  if (!head.content_type.empty()) {
    add_header(bytes, "content-type", head.content_type);
  }
  if (head.chunked) {
    add_header(bytes, "transfer-encoding", "chunked");
  } else if (head.content_length) {
    add_header(bytes, "content-length", std::to_string(*head.content_length));
  }
}

} // namespace

bool may_have_body(int status) {
  return status != 204 && status != 304;
}

std::string write_head(
    const ResponseHead& head,
    std::initializer_list<const Headers*> header_lists) {
  std::string bytes = status_line(head.status);
  add_header(bytes, "date", date_header());
  add_framing(bytes, head);
  add_connection(bytes, head);
  for (const Headers* headers : header_lists) {
    for (const auto& [name, value] : *headers) {
      add_header(bytes, name, value);
    }
  }
  bytes += "\r\n";
  return bytes;
}

} // namespace parallm::http
