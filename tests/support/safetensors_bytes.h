#pragma once

#include <cstdint>
#include <string>

// Files of the format, byte by byte.
namespace parallm::test {

// A length as the file has it: eight bytes, little-endian.
inline std::string length_bytes(uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<char>(length >> (8 * i) & 255));
  }
  return bytes;
}

inline std::string file_with_header(
    const std::string& header, const std::string& tensors = "") {
  return length_bytes(header.size()) + header + tensors;
}

// The same tensors, the first of them at a place that is `rest` modulo 64.
inline std::string with_tensors_at(const std::string& file, size_t rest) {
  size_t header_bytes = 0;
  for (int i = 7; i >= 0; --i) {
    header_bytes = header_bytes << 8 | static_cast<uint8_t>(file[i]);
  }
  std::string header = file.substr(8, header_bytes);
  while ((8 + header.size()) % 64 != rest) {
    header.push_back(' ');
  }
  return file_with_header(header, file.substr(8 + header_bytes));
}

} // namespace parallm::test
