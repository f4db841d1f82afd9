#include "config/value_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace parallm {

namespace {

// 2^63: doubles below it convert to uint64_t without doubt.
constexpr double kMostBytes = 9223372036854775808.0;

std::optional<double> unit_bytes(char unit) {
  switch (unit) {
    case 'k':
    case 'K':
      return 1024.0;
    case 'm':
    case 'M':
      return 1024.0 * 1024;
    case 'g':
    case 'G':
      return 1024.0 * 1024 * 1024;
    default:
      return {};
  }
}

bool is_decimal(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789.+-eE") == std::string_view::npos;
}

std::optional<uint64_t> whole_bytes(double bytes) {
  if (bytes < 0 || bytes >= kMostBytes || bytes != std::floor(bytes)) {
    return {};
  }
  return static_cast<uint64_t>(bytes);
}

} // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) {
    return {};
  }
  return value;
}

// AppleClang 15 has no std::from_chars for doubles.
std::optional<double> parse_number(std::string_view text) {
  if (!is_decimal(text)) {
    return {};
  }
  const std::string copy(text);
  char* stop = nullptr;
  const double value = std::strtod(copy.c_str(), &stop);
  if (stop != copy.c_str() + copy.size() || !std::isfinite(value)) {
    return {};
  }
  return value;
}

std::optional<uint64_t> parse_bytes(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  const auto unit = unit_bytes(text.back());
  if (!unit) {
    const auto count = parse_integer(text);
    return count && *count >= 0 ? std::optional<uint64_t>(*count)
                                : std::nullopt;
  }
  const auto number = parse_number(text.substr(0, text.size() - 1));
  return number ? whole_bytes(*number * *unit) : std::nullopt;
}

std::optional<bool> parse_switch(std::string_view text) {
  if (text.empty() || text == "on" || text == "true") {
    return true;
  }
  return text == "off" || text == "false" ? std::optional(false) : std::nullopt;
}

std::string number_text(double number) {
  return fmt::format("{}", number);
}

std::string bytes_text(uint64_t bytes) {
  constexpr uint64_t kKi = 1024;
  for (const char* unit : {"G", "M", "K"}) {
    const uint64_t size = *unit == 'G'   ? kKi * kKi * kKi
                          : *unit == 'M' ? kKi * kKi
                                         : kKi;
    if (bytes != 0 && bytes % size == 0) {
      return fmt::format("{}{}", bytes / size, unit);
    }
  }
  return fmt::format("{}", bytes);
}

} // namespace parallm
