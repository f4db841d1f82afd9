#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace parallm::http {

// Everything of an answer that comes before its body.
struct ResponseHead {
  int status = 200;
  std::string_view content_type{}; // "": no such header
  std::optional<size_t> content_length{};
  bool chunked = false;
  bool keep_alive = true;
  bool http_1_0 = false; // of the client
};

// As bytes for the socket, with the blank line. Control characters in values
// are replaced, so that no value can add a header. Any thread.
std::string write_head(
    const ResponseHead& head,
    std::initializer_list<const Headers*> header_lists);

// 204 and 304 never have a body.
bool may_have_body(int status);

} // namespace parallm::http
