#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/json.h"

// One JSON value -> a plain value of a stated type and range, or the 400 that
// says what came, what was expected, and where.
// Plain values and functions without state: any thread.
namespace parallm {

// A value and where in the body it stands.
struct Value {
  const json::value& json;
  std::string path;
  Value item(size_t index) const;
  // `member` must exist.
  Value field(std::string_view member) const;
};

struct NumberRange {
  double low = 0;
  double high = 0;
  bool above_low = false; // `low` itself is outside
  std::string text() const;
};

struct SizeRange {
  size_t low = 0;
  size_t high = std::numeric_limits<size_t>::max();
  std::string text() const;
};

Result<int64_t, ApiError> read_integer(
    const Value& value, int64_t low, int64_t high);
Result<double, ApiError> read_number(const Value& value, NumberRange range);
Result<bool, ApiError> read_bool(const Value& value);
// Lengths are in characters.
Result<std::string, ApiError> read_string(
    const Value& value, SizeRange characters = {});
// Only the type; the string may be long and stays where it is.
Result<std::string_view, ApiError> view_string(const Value& value);
// One of the words; gives its index.
Result<size_t, ApiError> read_word(
    const Value& value, std::span<const std::string_view> words);
Result<const json::array*, ApiError> read_array(
    const Value& value, SizeRange items = {});
Result<const json::object*, ApiError> read_object(
    const Value& value, SizeRange fields = {});
Result<std::vector<int64_t>, ApiError> read_integers(
    const Value& value, SizeRange items, int64_t low, int64_t high);
Result<std::vector<std::string>, ApiError> read_strings(
    const Value& value, SizeRange items, SizeRange characters);

// No infinity inside (JSON numbers such as 1e999 become one).
Check check_finite(const Value& value);

} // namespace parallm
