#pragma once

#include <string>
#include <vector>

#include "http/exchange.h"

// Plain values and functions without state: any thread.
namespace parallm {

// x-parallm-inert: the paths of fields without effect, comma-separated.
// Nothing if there are none. Bytes that do not belong into a header, which
// only names from the client have, are written %XX.
void add_inert_header(
    const std::vector<std::string>& paths, http::Headers& headers);

} // namespace parallm
