#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

// Plain values and functions without state: any thread.
namespace parallm {

// The client's fault, or our load: a value, never an exception. How it is
// written depends on the dialect (openai/errors.h).
struct ApiError {
  int status = 400;
  std::string code{};
  std::string param{}; // JSON path; empty: none
  std::string message{};
  int retry_after_s = 0; // with 429 and 503
};

// Nothing wrong, or what is.
using Check = std::optional<ApiError>;

// "got VALUE, expected EXPECTED", with the path in front. No text that could
// be part of a prompt is shown, and of paths and values only their beginning.
ApiError invalid_type(
    std::string_view path,
    const boost::json::value& got,
    std::string_view expected);
ApiError invalid_value(
    std::string_view path, std::string_view got, std::string_view expected);
ApiError missing_field(std::string_view path);
ApiError unknown_field(std::string_view path, std::string_view hint = {});
ApiError unsupported_field(std::string_view path, std::string_view why);
ApiError conflict_of_fields(std::string_view path, std::string_view why);

// What a message may say about a value: numbers and booleans themselves, of
// anything else only kind and size.
std::string describe(const boost::json::value& value);
// A path may hold a key that the client chose: at most 64 characters of it.
std::string shown_path(std::string_view path);
// A short word from the client, quoted, cut and escaped: "turbo".
std::string quoted(std::string_view word);

} // namespace parallm
