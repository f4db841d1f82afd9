#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Plain values and functions without state: any thread.
namespace parallm {

// Where the first byte that is not part of well-formed UTF-8 stands; npos:
// nowhere. Well-formed as Unicode table 3-7 has it.
size_t utf8_error(std::string_view bytes);

// Characters; a maximal ill-formed part counts as one, as U+FFFD would.
size_t code_points(std::string_view bytes);

// The longest prefix of at most `limit` characters.
std::string_view first_code_points(std::string_view bytes, size_t limit);

// The same with U+FFFD for each maximal ill-formed part.
std::string lossy_utf8(std::string_view bytes);

// Length in bytes of the character, or of the maximal ill-formed part, that
// starts `bytes`, and whether it is a character, or the beginning of one that
// more bytes could complete.
struct Utf8Step {
  size_t bytes = 0;
  bool whole = false;
  bool cut_off = false;
};
Utf8Step utf8_step(std::string_view bytes);

} // namespace parallm
