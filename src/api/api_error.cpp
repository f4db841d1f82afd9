#include "api/api_error.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cmath>
#include <limits>

#include "api/utf8.h"

namespace parallm {

namespace json = boost::json;

namespace {

constexpr size_t kShownCharacters = 64;
// A word of that many characters, each of them escaped, fits.
constexpr size_t kShownValueCharacters = 512;

// A message may repeat only so much of what the client sent.
std::string_view shown_value(std::string_view value) {
  return first_code_points(value, kShownValueCharacters);
}

// The path in front of `rest`, made short.
ApiError bad_request(
    std::string_view code, std::string_view path, std::string_view rest) {
  auto shown = shown_path(path);
  auto text = fmt::format("'{}'{}", shown, rest);
  return {
      .code = std::string(code),
      .param = std::move(shown),
      .message = std::move(text)};
}

// A literal such as 1e999 is read as an infinity.
std::string number_text(double number) {
  constexpr double kMax = std::numeric_limits<double>::max();
  if (std::isfinite(number)) {
    return fmt::format("{}", number);
  }
  return number > 0 ? fmt::format("a number above {}", kMax)
                    : fmt::format("a number below {}", -kMax);
}

} // namespace

std::string describe(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      return number_text(value.get_double());
    case json::kind::string:
      return fmt::format(
          "a string of {} characters", code_points(value.get_string()));
    case json::kind::array:
      return fmt::format("an array of {} items", value.get_array().size());
    case json::kind::object:
      return fmt::format("an object of {} fields", value.get_object().size());
  }
  return "a value";
}

std::string shown_path(std::string_view path) {
  return std::string(first_code_points(path, kShownCharacters));
}

std::string quoted(std::string_view word) {
  const auto shown = first_code_points(word, kShownCharacters);
  std::string text = json::serialize(json::string(shown));
  if (shown.size() < word.size()) {
    text.insert(text.size() - 1, "...");
  }
  return text;
}

ApiError invalid_type(
    std::string_view path, const json::value& got, std::string_view expected) {
  return bad_request(
      "invalid_type", path,
      fmt::format(": got {}, expected {}", describe(got), expected));
}

ApiError invalid_value(
    std::string_view path, std::string_view got, std::string_view expected) {
  return bad_request(
      "invalid_value", path,
      fmt::format(": got {}, expected {}", shown_value(got), expected));
}

ApiError missing_field(std::string_view path) {
  return bad_request("missing_required_parameter", path, " is required");
}

ApiError unknown_field(std::string_view path, std::string_view hint) {
  return bad_request(
      "unknown_parameter", path,
      fmt::format(
          " is not a field of this request{}{}", hint.empty() ? "" : "; ",
          hint));
}

ApiError unsupported_field(std::string_view path, std::string_view why) {
  return bad_request(
      "unsupported_parameter", path, fmt::format(": {}", shown_value(why)));
}

ApiError conflict_of_fields(std::string_view path, std::string_view why) {
  return bad_request(
      "conflicting_parameters", path, fmt::format(": {}", shown_value(why)));
}

} // namespace parallm
