#include "nn/config_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "base/check.h"

namespace parallm {

namespace json = boost::json;

struct ConfigJson::Object {
  std::string file;   // for messages
  std::string prefix; // "", or "rope_scaling." inside that object
  json::object fields;
};

namespace {

std::optional<std::string> read_text(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in && !std::filesystem::exists(file)) {
    return std::nullopt;
  }
  if (!in) {
    throw StartError(
        kExitNoPermission, fmt::format("{}: cannot be opened", file.string()));
  }
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

// Python writes Infinity, which JSON lacks; transformers writes it as here.
constexpr std::string_view kBareInfinity = "Infinity";
constexpr std::string_view kInfinity = R"({"__float__": "Infinity"})";

// Length of the string that begins here, quotes included.
size_t string_length(std::string_view text) {
  size_t end = 1;
  while (end < text.size() && text[end] != '"') {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(end + 1, text.size());
}

std::string without_bare_infinity(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const bool bare = text.starts_with(kBareInfinity);
    const size_t length = bare             ? kBareInfinity.size()
                          : text[0] == '"' ? string_length(text)
                                           : 1;
    valid += bare ? kInfinity : text.substr(0, length);
    text.remove_prefix(length);
  }
  return valid;
}

json::object parse_object(const std::string& file, const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(without_bare_infinity(text), error);
  if (error) {
    throw StartError(
        kExitBadData,
        fmt::format("{}: not valid JSON: {}", file, error.message()));
  }
  if (!value.is_object()) {
    throw StartError(kExitBadData, fmt::format("{}: not a JSON object", file));
  }
  return std::move(value.as_object());
}

const json::value* find(const json::object& fields, const std::string& key) {
  const json::value* value = fields.if_contains(key);
  return value && !value->is_null() ? value : nullptr;
}

// Long values are cut: the message stays one line.
std::string shown(const json::value& value) {
  const std::string text = value.is_double()
                               ? fmt::format("{}", value.get_double())
                               : json::serialize(value);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

std::optional<double> number_of(const json::value& value) {
  if (value.is_number()) {
    return value.to_number<double>();
  }
  if (value == json::parse(kInfinity)) {
    return std::numeric_limits<double>::infinity();
  }
  return std::nullopt;
}

std::optional<int64_t> whole(const json::value& value) {
  if (value.is_int64()) {
    return value.get_int64();
  }
  return std::nullopt;
}

std::string range(int least, int most) {
  return most == ConfigJson::kMost
             ? fmt::format("an integer of at least {}", least)
             : fmt::format("an integer from {} to {}", least, most);
}

} // namespace

ConfigJson ConfigJson::read(const std::filesystem::path& file) {
  auto config = read_if_present(file);
  if (!config) {
    throw StartError(
        kExitNotFound, fmt::format("{}: no such file", file.string()));
  }
  return *std::move(config);
}

std::optional<ConfigJson> ConfigJson::read_if_present(
    const std::filesystem::path& file) {
  const auto text = read_text(file);
  if (!text) {
    return std::nullopt;
  }
  return parse(file.string(), *text);
}

ConfigJson ConfigJson::parse(const std::string& file, const std::string& text) {
  return ConfigJson(
      std::make_shared<Object>(Object{file, "", parse_object(file, text)}));
}

std::vector<ConfigJson> ConfigJson::read_list_if_present(
    const std::filesystem::path& file) {
  boost::system::error_code error;
  const json::value value = json::parse(read_text(file).value_or("[]"), error);
  std::vector<ConfigJson> objects;
  for (const auto& item :
       value.is_array() ? value.get_array() : json::array{}) {
    if (item.is_object()) {
      objects.push_back(ConfigJson(std::make_shared<Object>(
          Object{file.string(), "", item.get_object()})));
    }
  }
  return objects;
}

ConfigJson ConfigJson::with_defaults(const std::string& object) const {
  auto merged = std::make_shared<Object>(*object_);
  const json::value defaults = json::parse(object);
  for (const auto& field : defaults.as_object()) {
    if (!has(field.key())) {
      merged->fields[field.key()] = field.value();
    }
  }
  return ConfigJson(std::move(merged));
}

void ConfigJson::refuse(
    const std::string& key, const std::string& complaint) const {
  throw StartError(
      kExitBadData,
      fmt::format(
          "{}: {}{} {}", object_->file, object_->prefix, key, complaint));
}

void ConfigJson::refuse_value(
    const std::string& key, const std::string& expected) const {
  const json::value* value = find(object_->fields, key);
  if (!value) {
    refuse(key, fmt::format("is missing, expected {}", expected));
  }
  refuse(key, fmt::format("is {}, expected {}", shown(*value), expected));
}

bool ConfigJson::has(const std::string& key) const {
  return find(object_->fields, key) != nullptr;
}

bool ConfigJson::is_null(const std::string& key) const {
  const json::value* value = object_->fields.if_contains(key);
  return value && value->is_null();
}

std::vector<std::string> ConfigJson::keys() const {
  std::vector<std::string> names;
  for (const auto& field : object_->fields) {
    names.emplace_back(field.key());
  }
  return names;
}

int ConfigJson::integer(const std::string& key, int least, int most) const {
  const json::value* value = find(object_->fields, key);
  const auto number = value ? whole(*value) : std::nullopt;
  if (!number || *number < least || *number > most) {
    refuse_value(key, range(least, most));
  }
  return static_cast<int>(*number);
}

int ConfigJson::integer_or(
    const std::string& key, int fallback, int least, int most) const {
  return has(key) ? integer(key, least, most) : fallback;
}

double ConfigJson::number(
    const std::string& key, double least, double most) const {
  const json::value* value = find(object_->fields, key);
  const auto number = value ? number_of(*value) : std::nullopt;
  if (!number || *number < least || *number > most) {
    refuse_value(key, fmt::format("a number from {} to {}", least, most));
  }
  return *number;
}

double ConfigJson::number_or(
    const std::string& key, double fallback, double least, double most) const {
  return has(key) ? number(key, least, most) : fallback;
}

bool ConfigJson::flag_or(const std::string& key, bool fallback) const {
  if (!has(key)) {
    return fallback;
  }
  if (!is_flag(key)) {
    refuse_value(key, "true or false");
  }
  return find(object_->fields, key)->get_bool();
}

bool ConfigJson::is_flag(const std::string& key) const {
  const json::value* value = find(object_->fields, key);
  return value && value->is_bool();
}

bool ConfigJson::is_text(const std::string& key) const {
  const json::value* value = find(object_->fields, key);
  return value && value->is_string();
}

bool ConfigJson::is_object(const std::string& key) const {
  const json::value* value = find(object_->fields, key);
  return value && value->is_object();
}

std::string ConfigJson::text(const std::string& key) const {
  const json::value* value = find(object_->fields, key);
  if (!value || !value->is_string()) {
    refuse_value(key, "a string");
  }
  return std::string(value->get_string());
}

std::string ConfigJson::text_or(
    const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

std::vector<std::string> ConfigJson::texts(const std::string& key) const {
  const json::value* value = find(object_->fields, key);
  if (!value || !value->is_array()) {
    refuse_value(key, "a list of strings");
  }
  std::vector<std::string> items;
  for (const auto& item : value->get_array()) {
    if (!item.is_string()) {
      refuse_value(key, "a list of strings");
    }
    items.emplace_back(item.get_string());
  }
  return items;
}

std::vector<int> ConfigJson::integers(const std::string& key, int least) const {
  const json::value* value = find(object_->fields, key);
  const json::array one =
      value && !value->is_array() ? json::array{*value} : json::array{};
  const json::array& items =
      value && value->is_array() ? value->get_array() : one;
  std::vector<int> numbers;
  for (const auto& item : items) {
    const auto number = whole(item);
    if (!number || *number < least || *number > kMost) {
      refuse_value(key, range(least, kMost) + " or a list of them");
    }
    numbers.push_back(static_cast<int>(*number));
  }
  return numbers;
}

std::vector<double> ConfigJson::numbers(
    const std::string& key, double least, double most) const {
  const auto expected =
      fmt::format("a list of numbers from {} to {}", least, most);
  const json::value* value = find(object_->fields, key);
  if (!value || !value->is_array()) {
    refuse_value(key, expected);
  }
  std::vector<double> numbers;
  for (const auto& item : value->get_array()) {
    const auto number = number_of(item);
    if (!number || *number < least || *number > most) {
      refuse_value(key, expected);
    }
    numbers.push_back(*number);
  }
  return numbers;
}

ConfigJson ConfigJson::object(const std::string& key) const {
  if (!is_object(key)) {
    refuse_value(key, "an object");
  }
  return ConfigJson(std::make_shared<Object>(Object{
      object_->file, fmt::format("{}{}.", object_->prefix, key),
      find(object_->fields, key)->get_object()}));
}

} // namespace parallm
