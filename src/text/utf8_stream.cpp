#include "text/utf8_stream.h"

#include <cstdint>
#include <utility>

namespace parallm {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// The second byte of a character that starts with `lead` is in [low, high];
// all later ones are in [0x80, 0xBF]. (Unicode, table 3-7)
struct Shape {
  size_t bytes = 0; // 0: no character starts so
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

Shape shape_of(uint8_t lead) {
  if (lead < 0x80) {
    return {1};
  }
  if (lead < 0xC2 || lead > 0xF4) {
    return {};
  }
  if (lead < 0xE0) {
    return {2};
  }
  if (lead < 0xF0) {
    const uint8_t low = lead == 0xE0 ? 0xA0 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : 0xBF;
    return {3, low, high};
  }
  const uint8_t low = lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xF4 ? 0x8F : 0xBF;
  return {4, low, high};
}

enum class Kind : uint8_t { kWhole, kBroken, kUnfinished };

struct Character {
  Kind kind = Kind::kBroken;
  size_t bytes = 1;
};

// The character at the start of `text`, which is not empty.
Character first_character(std::string_view text) {
  const Shape shape = shape_of(uint8_t(text[0]));
  if (shape.bytes == 0) {
    return {};
  }
  for (size_t at = 1; at < shape.bytes; ++at) {
    if (at == text.size()) {
      return {Kind::kUnfinished, at};
    }
    const auto byte = uint8_t(text[at]);
    const uint8_t low = at == 1 ? shape.low : 0x80;
    const uint8_t high = at == 1 ? shape.high : 0xBF;
    if (byte < low || byte > high) {
      return {Kind::kBroken, at};
    }
  }
  return {Kind::kWhole, shape.bytes};
}

// Appends all but an unfinished end, and returns that.
std::string_view append_whole(std::string_view bytes, std::string& text) {
  size_t good = 0; // whole characters at the front, not appended yet
  while (good < bytes.size()) {
    const Character next = first_character(bytes.substr(good));
    if (next.kind == Kind::kWhole) {
      good += next.bytes;
      continue;
    }
    text += bytes.substr(0, good);
    bytes.remove_prefix(good);
    good = 0;
    if (next.kind == Kind::kUnfinished) {
      return bytes;
    }
    text += kReplacement;
    bytes.remove_prefix(next.bytes);
  }
  text += bytes;
  return {};
}

} // namespace

void Utf8Stream::push(std::string_view bytes, std::string& text) {
  if (held_.empty()) {
    held_ = append_whole(bytes, text);
    return;
  }
  const std::string joined = std::exchange(held_, {}) + std::string(bytes);
  held_ = append_whole(joined, text);
}

void Utf8Stream::finish(std::string& text) {
  if (!held_.empty()) {
    text += kReplacement;
    held_.clear();
  }
}

} // namespace parallm
