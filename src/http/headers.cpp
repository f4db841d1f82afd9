#include "http/headers.h"

#include <algorithm>

namespace parallm::http {

const std::string* find_header(
    const Headers& headers, std::string_view lower_case_name) {
  const auto found = std::find_if(
      headers.begin(), headers.end(),
      [&](const auto& header) { return header.first == lower_case_name; });
  return found == headers.end() ? nullptr : &found->second;
}

std::string_view header_value(
    const Headers& headers, std::string_view lower_case_name) {
  const std::string* value = find_header(headers, lower_case_name);
  return value == nullptr ? std::string_view{} : *value;
}

std::string to_lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  return result;
}

} // namespace parallm::http
