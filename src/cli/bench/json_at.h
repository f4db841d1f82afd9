#pragma once

#include <string>
#include <string_view>

#include "api/json.h"

// Any thread.
namespace parallm::bench {

// What a JSON pointer such as "/data/0/id" leads to; nullptr: nothing.
inline const json::value* json_at(
    const json::value& value, std::string_view pointer) {
  json::error_code ignored;
  return value.find_pointer(pointer, ignored);
}

// "" where there is no text.
inline std::string text_at(const json::value& value, std::string_view pointer) {
  const auto* found = json_at(value, pointer);
  return found != nullptr && found->is_string()
             ? std::string(found->get_string())
             : "";
}

} // namespace parallm::bench
