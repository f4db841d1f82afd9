#pragma once

#include <cstdint>
#include <cstring>
#include <string>

// Files of the format, byte by byte.
namespace parallm::test {

template <class Number>
std::string raw(Number number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

inline std::string gguf_text(const std::string& text) {
  return raw(uint64_t{text.size()}) + text;
}

// A key with its value: the type's number and the value's bytes.
inline std::string gguf_key(
    const std::string& key, uint32_t type, const std::string& value) {
  return gguf_text(key) + raw(type) + value;
}

inline std::string gguf_uint32(const std::string& key, uint32_t value) {
  return gguf_key(key, 4, raw(value));
}

// A tensor's description; dimensions as in the file, rows last.
inline std::string gguf_tensor(
    const std::string& name,
    const std::initializer_list<uint64_t>& dimensions,
    uint32_t type,
    uint64_t offset) {
  std::string bytes =
      gguf_text(name) + raw(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t n : dimensions) {
    bytes += raw(n);
  }
  return bytes + raw(type) + raw(offset);
}

inline std::string gguf_head(
    uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  return "GGUF" + raw(version) + raw(tensors) + raw(keys);
}

// Head and descriptions, then data where it begins.
inline std::string gguf_file(
    const std::string& head, const std::string& data, size_t alignment = 32) {
  return head +
         std::string((alignment - head.size() % alignment) % alignment, '\0') +
         data;
}

} // namespace parallm::test
