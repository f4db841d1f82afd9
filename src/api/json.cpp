#include "api/json.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <set>
#include <string>
#include <vector>

#include "api/utf8.h"

namespace parallm {

namespace {

using boost::json::error_code;

// One level of nesting, for the path of an error and for repeated keys.
struct Level {
  bool array = false;
  size_t index = 0;             // of an array
  std::string key{};            // of an object
  std::set<std::string> keys{}; // ordered, so that no key set makes it slow
};

// Events of the parser -> a value. Remembers the first repeated key.
class Builder {
 public:
  // A bound on what a hash table full of chosen keys can cost.
  static constexpr size_t max_object_size = 16384;
  static constexpr size_t max_array_size = size_t(-1);
  static constexpr size_t max_key_size = size_t(-1);
  static constexpr size_t max_string_size = size_t(-1);

  Builder() { stack_.reset(); }

  json::value release() { return stack_.release(); }
  const std::string& repeated() const { return repeated_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code&) {
    levels_.emplace_back();
    return true;
  }
  bool on_object_end(size_t members, error_code&) {
    levels_.pop_back();
    stack_.push_object(members);
    return value_done();
  }
  bool on_array_begin(error_code&) {
    levels_.push_back({.array = true});
    return true;
  }
  bool on_array_end(size_t items, error_code&) {
    levels_.pop_back();
    stack_.push_array(items);
    return value_done();
  }

  bool on_key_part(json::string_view part, size_t, error_code&) {
    key_ += part;
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, error_code& error) {
    key_ += part;
    stack_.push_key(part);
    return take_key(error);
  }

  bool on_string_part(json::string_view part, size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, error_code&) {
    stack_.push_string(part);
    return value_done();
  }
  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(int64_t number, json::string_view, error_code&) {
    stack_.push_int64(number);
    return value_done();
  }
  bool on_uint64(uint64_t number, json::string_view, error_code&) {
    stack_.push_uint64(number);
    return value_done();
  }
  bool on_double(double number, json::string_view, error_code&) {
    stack_.push_double(number);
    return value_done();
  }
  bool on_bool(bool truth, error_code&) {
    stack_.push_bool(truth);
    return value_done();
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return value_done();
  }
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

 private:
  bool value_done() {
    if (!levels_.empty()) {
      ++levels_.back().index;
    }
    return true;
  }

  bool take_key(error_code& error) {
    auto& level = levels_.back();
    level.key = std::move(key_);
    key_.clear();
    if (level.keys.insert(level.key).second) {
      return true;
    }
    repeated_ = path();
    error = json::error::exception;
    return false;
  }

  std::string path() const {
    std::string text;
    for (const auto& level : levels_) {
      if (level.array) {
        text += fmt::format("[{}]", level.index);
      } else {
        text += (text.empty() ? "" : ".") + level.key;
      }
    }
    return text;
  }

  json::value_stack stack_;
  std::vector<Level> levels_;
  std::string key_;
  std::string repeated_;
};

ApiError bad_json(std::string_view code, std::string message) {
  return {.code = std::string(code), .message = std::move(message)};
}

bool is_surrogate_error(error_code error) {
  return error == json::error::illegal_leading_surrogate ||
         error == json::error::illegal_trailing_surrogate ||
         error == json::error::expected_utf16_escape;
}

ApiError duplicate_key(const std::string& path) {
  return {
      .code = "duplicate_key",
      .param = shown_path(path),
      .message = fmt::format("'{}' appears twice", shown_path(path))};
}

// Is it the first half of a pair, \ud8.. to \udb..?
bool is_lead_escape(std::string_view text) {
  constexpr std::string_view kThird = "89abAB";
  return text.size() >= 4 && text[0] == '\\' && text[1] == 'u' &&
         (text[2] == 'd' || text[2] == 'D') &&
         kThird.find(text[3]) != std::string_view::npos;
}

// The parser calls a half that no escape follows a mere syntax error.
bool follows_lead_escape(std::string_view text, size_t offset) {
  constexpr size_t kEscapeBytes = 6;
  return offset >= kEscapeBytes &&
         is_lead_escape(text.substr(offset - kEscapeBytes));
}

ApiError json_error(error_code error, std::string_view text, size_t offset) {
  if (error == json::error::too_deep) {
    return bad_json(
        "json_too_deep",
        fmt::format("the body nests deeper than {} levels", kMaxJsonDepth));
  }
  if (is_surrogate_error(error) || follows_lead_escape(text, offset)) {
    return bad_json(
        "invalid_utf8",
        fmt::format("unpaired surrogate escape before byte {}", offset));
  }
  return bad_json(
      "invalid_json", fmt::format(
                          "the body is not valid JSON at byte {}: {}", offset,
                          error.message()));
}

json::parse_options strict() {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  options.allow_invalid_utf8 = true; // checked before, with its own error
  return options;
}

Result<json::value, ApiError> parse_utf8(std::string_view text) {
  json::basic_parser<Builder> parser(strict());
  error_code error;
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (!parser.handler().repeated().empty()) {
    return duplicate_key(parser.handler().repeated());
  }
  if (!error && used < text.size()) {
    error = json::error::extra_data;
  }
  if (error) {
    return json_error(error, text, used);
  }
  return parser.handler().release();
}

} // namespace

Result<json::value, ApiError> parse_json(std::string_view text) {
  const auto bad_byte = utf8_error(text);
  if (bad_byte != std::string_view::npos) {
    return bad_json(
        "invalid_utf8",
        fmt::format("the body is not valid UTF-8 at byte {}", bad_byte));
  }
  return parse_utf8(text);
}

Result<json::object, ApiError> parse_object(std::string_view text) {
  auto value = parse_json(text);
  if (!value) {
    return value.error();
  }
  if (!value.value().is_object()) {
    return ApiError{
        .code = "invalid_type",
        .message = fmt::format(
            "the body is {}, expected an object", describe(value.value()))};
  }
  return std::move(value.value().get_object());
}

} // namespace parallm
