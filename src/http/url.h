#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace parallm::http {

// The two parts of a request target. Any thread.
struct Target {
  std::string path{};  // decoded, valid UTF-8 without control characters
  std::string query{}; // raw
};

// Nothing if an escape is broken, or if the decoded path is not clean text.
std::optional<Target> parse_target(std::string_view raw);

} // namespace parallm::http
