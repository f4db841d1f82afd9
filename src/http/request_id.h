#pragma once

#include <string>
#include <string_view>

namespace parallm::http {

// What the client sent, if it is fit to be echoed: [A-Za-z0-9._-]{1,128}.
// Otherwise a new one, unique in practice. Any thread.
std::string request_id_for(std::string_view offered);

} // namespace parallm::http
