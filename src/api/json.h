#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "api/api_error.h"
#include "base/result.h"

// Reading JSON from outside. Any thread.
namespace parallm {

namespace json = boost::json;

inline constexpr int kMaxJsonDepth = 128;

// A body -> a value, or the 400 of api.md 1.4 and 1.5: invalid_utf8,
// invalid_json, json_too_deep, duplicate_key (param: the path of the key).
Result<json::value, ApiError> parse_json(std::string_view text);
// The same, and it must be an object.
Result<json::object, ApiError> parse_object(std::string_view text);

} // namespace parallm
