#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parallm {

// How a tensor of a GGUF file holds its numbers; the values are the format's.
// The packed ones lie in blocks, whole ones to a row.
enum class GgufType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kBF16 = 30,
};

struct GgufTypeInfo {
  GgufType type;
  std::string_view name;
  int block_numbers; // 1: not packed
  int block_bytes;
  int bits; // of a code when we have packed it anew, or 0
};

// None for a type that is not read here. Any thread.
std::optional<GgufTypeInfo> gguf_type(uint32_t code);
const GgufTypeInfo& info_of(GgufType type);

// Of a type of the format, read here or not: "Q5_K"; "" if it has no such.
std::string_view gguf_type_name(uint32_t code);

// Those that are read here: "F32, F16, ...".
std::string gguf_types_read();

inline bool is_packed(GgufType type) {
  return info_of(type).block_numbers > 1;
}

} // namespace parallm
