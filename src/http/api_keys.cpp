#include "http/api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <fstream>

#include "base/check.h"

namespace parallm::http {

namespace {

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

constexpr std::string_view kBearer = "bearer ";

Digest digest(std::string_view text) {
  Digest result{};
  SHA256(
      reinterpret_cast<const unsigned char*>(text.data()), text.size(),
      result.data());
  return result;
}

// Digests have one length, so not even the length of a key leaks.
bool same_secret(const Digest& left, const Digest& right) {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

bool is_bearer(std::string_view value) {
  return to_lower(value.substr(0, kBearer.size())) == kBearer;
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> offered_keys(const Headers& headers) {
  std::vector<std::string_view> keys;
  for (const auto& [name, value] : headers) {
    if (name == "x-api-key") {
      keys.push_back(trim(value));
    } else if (name == "authorization" && is_bearer(value)) {
      keys.push_back(trim(std::string_view(value).substr(kBearer.size())));
    }
  }
  return keys;
}

// Compares with every key, whichever matches.
std::optional<Role> role_of(
    const std::vector<ApiKey>& keys, std::string_view offered) {
  std::optional<Role> role;
  const Digest wanted = digest(offered);
  for (const ApiKey& key : keys) {
    if (same_secret(digest(key.key), wanted)) {
      role = key.role;
    }
  }
  return role;
}

std::optional<Role> role_named(std::string_view name) {
  if (name == "user") {
    return Role::kUser;
  }
  return name == "admin" ? std::optional(Role::kAdmin) : std::nullopt;
}

// The key may hold colons; name and role may not.
std::optional<ApiKey> parse_line(std::string_view line) {
  const size_t first = line.find(':');
  const size_t last = line.rfind(':');
  if (first == std::string_view::npos || last <= first + 1 || first == 0) {
    return {};
  }
  const auto role = role_named(line.substr(last + 1));
  if (!role) {
    return {};
  }
  return ApiKey{
      std::string(line.substr(0, first)),
      std::string(line.substr(first + 1, last - first - 1)), *role};
}

} // namespace

std::vector<ApiKey> read_api_keys(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw StartError(
        kExitNotFound, fmt::format("cannot read API key file {}", path));
  }
  std::vector<ApiKey> keys;
  std::string text;
  for (int number = 1; std::getline(file, text); ++number) {
    const std::string_view line = trim(text);
    if (line.empty() || line.starts_with('#')) {
      continue;
    }
    auto key = parse_line(line);
    if (!key) {
      throw StartError(
          kExitBadData,
          fmt::format(
              "{}:{}: expected name:key:role with role user or admin", path,
              number));
    }
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) {
    throw StartError(kExitBadData, fmt::format("{} holds no API key", path));
  }
  return keys;
}

Admission check_access(
    const std::vector<ApiKey>& keys, const Headers& headers, Access access) {
  if (access == Access::kOpen || keys.empty()) {
    return Admission::kAllowed;
  }
  const auto offered = offered_keys(headers);
  if (offered.empty()) {
    return Admission::kNoKey;
  }
  Admission best = Admission::kWrongKey;
  for (std::string_view key : offered) {
    const auto role = role_of(keys, key);
    if (role == Role::kAdmin || (role && access == Access::kUser)) {
      return Admission::kAllowed;
    }
    best = role ? Admission::kNeedsAdmin : best;
  }
  return best;
}

} // namespace parallm::http
