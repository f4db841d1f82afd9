#pragma once

#include <string>

#include "http/load_client.h"

namespace parallm::bench {

// Why there is no answer of status 200, in the server's words where it has
// any: short, UTF-8; "" if there is one. Any thread.
std::string refusal_of(const http::Answer& answer);

// Throws StartError (unavailable) if there was a refusal of `path`.
void expect_success(
    const http::Address& server,
    const std::string& path,
    const http::Answer& answer);

// The part of an error's JSON, or of any text, that people read.
std::string error_text(const std::string& body);

} // namespace parallm::bench
