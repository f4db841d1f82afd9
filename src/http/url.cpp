#include "http/url.h"

#include <cstdint>

namespace parallm::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    if (i + 2 >= text.size()) {
      return {};
    }
    const int high = hex_digit(text[i + 1]);
    const int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) {
      return {};
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// Bytes of the code point that begins here; 0 if it is none, or is a control
// character. Follows the table "Well-Formed UTF-8" of the Unicode standard.
size_t code_point_bytes(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0};
  };
  const auto in = [&](size_t i, int low, int high) {
    return byte(i) >= low && byte(i) <= high;
  };
  const auto tail = [&](size_t i) { return in(i, 0x80, 0xbf); };
  if (in(0, 0x20, 0x7e)) {
    return 1;
  }
  if (in(0, 0xc2, 0xdf)) {
    return tail(1) ? 2 : 0;
  }
  if (in(0, 0xe0, 0xef)) {
    const int low = byte(0) == 0xe0 ? 0xa0 : 0x80;
    const int high = byte(0) == 0xed ? 0x9f : 0xbf;
    return in(1, low, high) && tail(2) ? 3 : 0;
  }
  if (in(0, 0xf0, 0xf4)) {
    const int low = byte(0) == 0xf0 ? 0x90 : 0x80;
    const int high = byte(0) == 0xf4 ? 0x8f : 0xbf;
    return in(1, low, high) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const size_t bytes = code_point_bytes(text);
    if (bytes == 0) {
      return false;
    }
    text.remove_prefix(bytes);
  }
  return true;
}

// "http://host/path" -> "/path": proxies may send the absolute form.
std::string_view without_authority(std::string_view raw) {
  const size_t scheme = raw.find("://");
  if (raw.starts_with('/') || scheme == std::string_view::npos) {
    return raw;
  }
  const size_t path = raw.find('/', scheme + 3);
  return path == std::string_view::npos ? "/" : raw.substr(path);
}

} // namespace

std::optional<Target> parse_target(std::string_view raw) {
  raw = without_authority(raw);
  const size_t mark = raw.find('?');
  auto path = percent_decode(raw.substr(0, mark));
  if (!path || !is_clean_text(*path)) {
    return {};
  }
  const bool queried = mark != std::string_view::npos;
  return Target{
      std::move(*path), queried ? std::string(raw.substr(mark + 1)) : ""};
}

} // namespace parallm::http
