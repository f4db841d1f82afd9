#pragma once

#include <string>
#include <string_view>

namespace parallm {

// Bytes in pieces -> whole UTF-8 characters. Its owner's thread only. Bytes
// that are no character become U+FFFD, one for each broken beginning of a
// character (Unicode, section 3.9: maximal subparts), as Rust and Python do.
class Utf8Stream {
 public:
  // Appends the characters that `bytes` complete to `text`.
  void push(std::string_view bytes, std::string& text);
  // What never became whole is one U+FFFD.
  void finish(std::string& text);

 private:
  std::string held_{}; // the beginning of a character, at most 3 bytes
};

} // namespace parallm
