#include "api/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "api/utf8.h"

namespace parallm {

namespace {

// Is the number whole, whatever its spelling? 1.0 and 1e3 are.
bool is_whole(const json::value& value) {
  if (value.is_double()) {
    const double number = value.get_double();
    return !std::isfinite(number) || std::trunc(number) == number;
  }
  return value.is_int64() || value.is_uint64();
}

// Of a whole number; beyond int64 the nearest end.
int64_t clamp_whole(const json::value& value) {
  if (value.is_int64()) {
    return value.get_int64();
  }
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  constexpr auto kMin = std::numeric_limits<int64_t>::min();
  if (value.is_uint64()) {
    return kMax; // int64 would have held a smaller one
  }
  const double number = value.get_double();
  if (number >= 0x1p63) {
    return kMax;
  }
  return number < -0x1p63 ? kMin : static_cast<int64_t>(number);
}

bool fits_int64(const json::value& value) {
  if (value.is_double()) {
    return value.get_double() > -0x1p63 && value.get_double() < 0x1p63;
  }
  return value.is_int64() ||
         value.get_uint64() <= uint64_t(std::numeric_limits<int64_t>::max());
}

double as_double(const json::value& value) {
  if (value.is_int64()) {
    return static_cast<double>(value.get_int64());
  }
  return value.is_uint64() ? static_cast<double>(value.get_uint64())
                           : value.get_double();
}

std::string joined(std::span<const std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", word);
  }
  return text;
}

Check check_size(
    const Value& value, size_t size, SizeRange range, std::string_view unit) {
  if (size >= range.low && size <= range.high) {
    return {};
  }
  return invalid_value(
      value.path, describe(value.json),
      fmt::format("{} {}", range.text(), unit));
}

bool all_finite(const json::value& value) {
  if (value.is_array()) {
    const auto& items = value.get_array();
    return std::all_of(items.begin(), items.end(), all_finite);
  }
  if (value.is_object()) {
    const auto& members = value.get_object();
    return std::all_of(members.begin(), members.end(), [](const auto& member) {
      return all_finite(member.value());
    });
  }
  return !value.is_double() || std::isfinite(value.get_double());
}

} // namespace

Value Value::item(size_t index) const {
  return {json.get_array()[index], fmt::format("{}[{}]", path, index)};
}

Value Value::field(std::string_view member) const {
  return {json.get_object().at(member), fmt::format("{}.{}", path, member)};
}

std::string NumberRange::text() const {
  return fmt::format(
      "a number {} {} and at most {}", above_low ? "above" : "of at least", low,
      high);
}

std::string SizeRange::text() const {
  if (high == std::numeric_limits<size_t>::max()) {
    return fmt::format("at least {}", low);
  }
  return fmt::format("{} to {}", low, high);
}

Result<int64_t, ApiError> read_integer(
    const Value& value, int64_t low, int64_t high) {
  const auto expected = fmt::format("an integer from {} to {}", low, high);
  if (!value.json.is_number() || !is_whole(value.json)) {
    return invalid_type(value.path, value.json, expected);
  }
  const auto number = clamp_whole(value.json);
  if (!fits_int64(value.json) || number < low || number > high) {
    return invalid_value(value.path, describe(value.json), expected);
  }
  return number;
}

Result<double, ApiError> read_number(const Value& value, NumberRange range) {
  if (!value.json.is_number()) {
    return invalid_type(value.path, value.json, range.text());
  }
  const double number = as_double(value.json);
  const bool high_enough =
      range.above_low ? number > range.low : number >= range.low;
  if (!high_enough || number > range.high) {
    return invalid_value(value.path, describe(value.json), range.text());
  }
  return number;
}

Result<bool, ApiError> read_bool(const Value& value) {
  if (!value.json.is_bool()) {
    return invalid_type(value.path, value.json, "true or false");
  }
  return value.json.get_bool();
}

Result<std::string_view, ApiError> view_string(const Value& value) {
  if (!value.json.is_string()) {
    return invalid_type(value.path, value.json, "a string");
  }
  return std::string_view(value.json.get_string());
}

Result<std::string, ApiError> read_string(
    const Value& value, SizeRange characters) {
  auto text = view_string(value);
  if (!text) {
    return text.error();
  }
  const auto count = code_points(text.value());
  if (auto wrong = check_size(value, count, characters, "characters")) {
    return *wrong;
  }
  return std::string(text.value());
}

Result<size_t, ApiError> read_word(
    const Value& value, std::span<const std::string_view> words) {
  const auto expected = "one of " + joined(words);
  if (!value.json.is_string()) {
    return invalid_type(value.path, value.json, expected);
  }
  const std::string_view word = value.json.get_string();
  for (size_t index = 0; index < words.size(); ++index) {
    if (words[index] == word) {
      return index;
    }
  }
  return invalid_value(value.path, quoted(word), expected);
}

Result<const json::array*, ApiError> read_array(
    const Value& value, SizeRange items) {
  if (!value.json.is_array()) {
    return invalid_type(value.path, value.json, "an array");
  }
  const auto& array = value.json.get_array();
  if (auto wrong = check_size(value, array.size(), items, "items")) {
    return *wrong;
  }
  return &array;
}

Result<const json::object*, ApiError> read_object(
    const Value& value, SizeRange fields) {
  if (!value.json.is_object()) {
    return invalid_type(value.path, value.json, "an object");
  }
  const auto& object = value.json.get_object();
  if (auto wrong = check_size(value, object.size(), fields, "fields")) {
    return *wrong;
  }
  return &object;
}

Result<std::vector<int64_t>, ApiError> read_integers(
    const Value& value, SizeRange items, int64_t low, int64_t high) {
  auto array = read_array(value, items);
  if (!array) {
    return array.error();
  }
  std::vector<int64_t> numbers;
  for (size_t index = 0; index < array.value()->size(); ++index) {
    // The common case first: a prompt may have millions of them.
    const auto* plain = (*array.value())[index].if_int64();
    if (plain != nullptr && *plain >= low && *plain <= high) {
      numbers.push_back(*plain);
      continue;
    }
    auto number = read_integer(value.item(index), low, high);
    if (!number) {
      return number.error();
    }
    numbers.push_back(number.value());
  }
  return numbers;
}

Result<std::vector<std::string>, ApiError> read_strings(
    const Value& value, SizeRange items, SizeRange characters) {
  auto array = read_array(value, items);
  if (!array) {
    return array.error();
  }
  std::vector<std::string> texts;
  for (size_t index = 0; index < array.value()->size(); ++index) {
    auto text = read_string(value.item(index), characters);
    if (!text) {
      return text.error();
    }
    texts.push_back(std::move(text.value()));
  }
  return texts;
}

Check check_finite(const Value& value) {
  if (all_finite(value.json)) {
    return {};
  }
  return invalid_value(
      value.path, "a number that no double can hold", "finite numbers");
}

} // namespace parallm
