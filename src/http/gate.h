#pragma once

#include <optional>

#include "http/request_reader.h"
#include "http/site.h"

namespace parallm::http {

// What a head alone decides, before any byte of the body is read.
struct Verdict {
  Request request{}; // without body
  const Route* route = nullptr;
  uint64_t max_body_bytes = 0;
  std::optional<Response> answer{}; // http/ answers, not the route
  bool close = false;               // and the connection ends with it
};

// Any thread.
Verdict judge(const Site& site, const RequestHead& head);

} // namespace parallm::http
