#include "nn/gguf/gguf_keys.h"

#include <fmt/format.h>

#include "base/check.h"

namespace parallm {
namespace {

// Long values are cut: the message stays one line.
std::string shown(const GgufValue& value) {
  if (const auto* whole = std::get_if<int64_t>(&value)) {
    return fmt::format("{}", *whole);
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return fmt::format("{}", *number);
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    return text->substr(0, 60);
  }
  if (const auto* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  return std::holds_alternative<std::vector<double>>(value)
             ? "a list of numbers"
         : std::holds_alternative<std::vector<int64_t>>(value)
             ? "a list of whole numbers"
         : std::holds_alternative<std::vector<std::string>>(value)
             ? "a list of strings"
             : "a list of lists";
}

} // namespace

const GgufValue* GgufKeys::find(const std::string& key) const {
  const auto found = file_.metadata.find(key);
  return found == file_.metadata.end() ? nullptr : &found->second;
}

void GgufKeys::refuse(
    const std::string& key, const std::string& complaint) const {
  throw StartError(
      kExitBadData,
      fmt::format("{}: {} {}", file_.path.string(), key, complaint));
}

template <class Value>
const Value& GgufKeys::get(const std::string& key, const char* expected) const {
  const GgufValue* value = find(key);
  if (!value) {
    refuse(key, fmt::format("is missing, expected {}", expected));
  }
  const auto* right = std::get_if<Value>(value);
  if (!right) {
    refuse(key, fmt::format("is {}, expected {}", shown(*value), expected));
  }
  return *right;
}

bool GgufKeys::has(const std::string& key) const {
  return find(key) != nullptr;
}

int64_t GgufKeys::integer(
    const std::string& key, int64_t least, int64_t most) const {
  const auto value = get<int64_t>(key, "a whole number");
  if (value < least || value > most) {
    refuse(key, fmt::format("is {}, expected {} to {}", value, least, most));
  }
  return value;
}

double GgufKeys::number(
    const std::string& key, double least, double most) const {
  const GgufValue* found = find(key);
  const bool whole = found && std::holds_alternative<int64_t>(*found);
  const double value = whole ? static_cast<double>(std::get<int64_t>(*found))
                             : get<double>(key, "a number");
  if (!(value >= least && value <= most)) {
    refuse(key, fmt::format("is {}, expected {} to {}", value, least, most));
  }
  return value;
}

bool GgufKeys::flag_or(const std::string& key, bool fallback) const {
  return has(key) ? get<bool>(key, "true or false") : fallback;
}

const std::string& GgufKeys::text(const std::string& key) const {
  return get<std::string>(key, "a string");
}

const std::vector<std::string>& GgufKeys::texts(const std::string& key) const {
  return get<std::vector<std::string>>(key, "a list of strings");
}

const std::vector<double>& GgufKeys::numbers(const std::string& key) const {
  return get<std::vector<double>>(key, "a list of numbers");
}

const std::vector<int64_t>& GgufKeys::integers(const std::string& key) const {
  return get<std::vector<int64_t>>(key, "a list of whole numbers");
}

} // namespace parallm
