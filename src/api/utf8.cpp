#include "api/utf8.h"

namespace parallm {

namespace {

// What may follow a lead byte: how many bytes, and the range of the first.
struct Tail {
  int bytes = -1; // -1: not a lead byte
  uint8_t low = 0x80;
  uint8_t high = 0xbf;
};

Tail tail_of_three(uint8_t lead) {
  if (lead == 0xe0) {
    return {2, 0xa0, 0xbf};
  }
  return lead == 0xed ? Tail{2, 0x80, 0x9f} : Tail{2, 0x80, 0xbf};
}

Tail tail_of_four(uint8_t lead) {
  if (lead == 0xf0) {
    return {3, 0x90, 0xbf};
  }
  return lead == 0xf4 ? Tail{3, 0x80, 0x8f} : Tail{3, 0x80, 0xbf};
}

Tail tail_of(uint8_t lead) {
  if (lead < 0x80) {
    return {0};
  }
  if (lead >= 0xc2 && lead <= 0xdf) {
    return {1};
  }
  if (lead >= 0xe0 && lead <= 0xef) {
    return tail_of_three(lead);
  }
  return lead >= 0xf0 && lead <= 0xf4 ? tail_of_four(lead) : Tail{};
}

size_t skip_ascii(std::string_view bytes, size_t at) {
  while (at < bytes.size() && static_cast<uint8_t>(bytes[at]) < 0x80) {
    ++at;
  }
  return at;
}

} // namespace

Utf8Step utf8_step(std::string_view bytes) {
  auto tail = tail_of(static_cast<uint8_t>(bytes[0]));
  size_t taken = 1;
  for (int left = tail.bytes; left > 0; --left, ++taken) {
    if (taken == bytes.size()) {
      return {.bytes = taken, .cut_off = true};
    }
    const auto next = static_cast<uint8_t>(bytes[taken]);
    if (next < tail.low || next > tail.high) {
      return {.bytes = taken};
    }
    tail.low = 0x80;
    tail.high = 0xbf;
  }
  return {.bytes = taken, .whole = tail.bytes >= 0};
}

size_t utf8_error(std::string_view bytes) {
  size_t at = skip_ascii(bytes, 0);
  while (at < bytes.size()) {
    const auto step = utf8_step(bytes.substr(at));
    if (!step.whole) {
      return at;
    }
    at = skip_ascii(bytes, at + step.bytes);
  }
  return std::string_view::npos;
}

size_t code_points(std::string_view bytes) {
  size_t count = 0;
  for (size_t at = 0; at < bytes.size(); ++count) {
    at += utf8_step(bytes.substr(at)).bytes;
  }
  return count;
}

std::string_view first_code_points(std::string_view bytes, size_t limit) {
  size_t at = 0;
  for (size_t count = 0; count < limit && at < bytes.size(); ++count) {
    at += utf8_step(bytes.substr(at)).bytes;
  }
  return bytes.substr(0, at);
}

std::string lossy_utf8(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const auto step = utf8_step(bytes.substr(at));
    text += step.whole ? bytes.substr(at, step.bytes) : "\xef\xbf\xbd";
    at += step.bytes;
  }
  return text;
}

} // namespace parallm
