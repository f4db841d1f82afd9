#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// One thread at a time.
namespace parallm {

// Text -> the inside of a JSON string, appended. UTF-8 passes as it is.
void append_escaped(std::string& out, std::string_view text);
void append_quoted(std::string& out, std::string_view text);
// Shortest form that reads back equal, always with '.' or 'e'.
void append_number(std::string& out, double number);
void append_number(std::string& out, float number);

// Writes JSON in the order of the calls, commas included. Appends to a
// string that must outlive it.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& object() { return open('{'); }
  JsonWriter& array() { return open('['); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& end_array() { return close(']'); }

  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);
  // Null for "".
  JsonWriter& text_or_null(std::string_view value) {
    return value.empty() ? null() : text(value);
  }
  JsonWriter& integer(int64_t value);
  JsonWriter& number(double value);
  JsonWriter& number(float value);
  JsonWriter& boolean(bool value);
  JsonWriter& null() { return raw("null"); }
  // A value that is already JSON.
  JsonWriter& raw(std::string_view json);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();

  std::string& out_;
  bool first_ = true;      // nothing yet at this level
  bool after_key_ = false; // a value belongs here
};

} // namespace parallm
