#include "api/json_writer.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace parallm {

namespace {

// What stands after the backslash; 0: the byte passes; 'u': as \u00XX.
constexpr std::array<char, 256> kEscapes = [] {
  std::array<char, 256> table{};
  for (int byte = 0; byte < 0x20; ++byte) {
    table[byte] = 'u';
  }
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  table['"'] = '"';
  table['\\'] = '\\';
  return table;
}();

void append_escape(std::string& out, uint8_t byte) {
  const char letter = kEscapes[byte];
  out += '\\';
  out += letter;
  if (letter == 'u') {
    fmt::format_to(std::back_inserter(out), "{:04x}", byte);
  }
}

template <class Float>
void append_shortest(std::string& out, Float number) {
  const auto start = out.size();
  fmt::format_to(std::back_inserter(out), "{}", number);
  if (out.find_first_of(".e", start) == std::string::npos) {
    out += ".0";
  }
}

} // namespace

void append_escaped(std::string& out, std::string_view text) {
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (kEscapes[byte] != 0) [[unlikely]] {
      out.append(text, from, at - from);
      append_escape(out, byte);
      from = at + 1;
    }
  }
  out.append(text, from);
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

void append_number(std::string& out, double number) {
  append_shortest(out, number);
}

void append_number(std::string& out, float number) {
  append_shortest(out, number);
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  append_quoted(out_, name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  separate();
  append_quoted(out_, value);
  return *this;
}

JsonWriter& JsonWriter::integer(int64_t value) {
  separate();
  std::array<char, 24> digits;
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out_.append(digits.data(), end.ptr);
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  separate();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::number(float value) {
  separate();
  append_number(out_, value);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  return raw(value ? "true" : "false");
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  first_ = false;
  return *this;
}

void JsonWriter::separate() {
  if (!after_key_ && !first_) {
    out_ += ',';
  }
  first_ = false;
  after_key_ = false;
}

} // namespace parallm
