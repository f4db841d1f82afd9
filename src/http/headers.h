#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parallm::http {

// Names are kept in lower case. All of this: any thread.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first of that name; null if there is none.
const std::string* find_header(
    const Headers& headers, std::string_view lower_case_name);
// "" if there is none.
std::string_view header_value(
    const Headers& headers, std::string_view lower_case_name);

// Of ASCII letters, which are all that HTTP compares without case.
std::string to_lower(std::string_view text);

} // namespace parallm::http
