#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "http/route.h"

namespace parallm::http {

enum class Role : uint8_t { kUser, kAdmin };

struct ApiKey {
  std::string name{};
  std::string key{};
  Role role = Role::kUser;
};

// Lines `name:key:role`; blank lines and lines with `#` in front are skipped.
// Throws StartError, which never shows a key. Any thread, but reads a file.
std::vector<ApiKey> read_api_keys(const std::string& path);

enum class Admission : uint8_t { kAllowed, kNoKey, kWrongKey, kNeedsAdmin };

// Any thread. The time to compare tells nothing about a key.
Admission check_access(
    const std::vector<ApiKey>& keys, const Headers& headers, Access access);

} // namespace parallm::http
