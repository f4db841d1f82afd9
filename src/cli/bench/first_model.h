#pragma once

#include <string>

#include "http/address.h"

namespace parallm::bench {

// The name of the first model that a server lists. Blocks; throws StartError
// (unavailable).
std::string first_model(const http::Address& server);

} // namespace parallm::bench
