#pragma once

#include <string>

#include "http/address.h"

namespace parallm::bench {

// The name of the first model that a server lists. Throws StartError
// (unavailable).
std::string wait_for_first_model(const http::Address& server);

} // namespace parallm::bench
