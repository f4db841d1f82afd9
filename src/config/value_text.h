#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Values as people write them, and back. Strict: the whole text or nothing.
// Main thread, at the start.
namespace parallm {

std::optional<int64_t> parse_integer(std::string_view text);
// Decimal, finite.
std::optional<double> parse_number(std::string_view text);
// A count, or a number followed by K, M or G, the powers of 1024.
std::optional<uint64_t> parse_bytes(std::string_view text);
// on, off, true, false; "" is on, as in a bare --flag.
std::optional<bool> parse_switch(std::string_view text);

std::string number_text(double number); // the shortest that reads back equal
std::string bytes_text(uint64_t bytes); // "32M" where that is exact

} // namespace parallm
