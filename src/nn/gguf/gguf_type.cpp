#include "nn/gguf/gguf_type.h"

#include <algorithm>

#include "base/check.h"

namespace parallm {
namespace {

constexpr GgufTypeInfo kTypes[] = {
    {GgufType::kF32, "F32", 1, 4, 0},
    {GgufType::kF16, "F16", 1, 2, 0},
    {GgufType::kBF16, "BF16", 1, 2, 0},
    {GgufType::kQ4_0, "Q4_0", 32, 18, 4},
    {GgufType::kQ4_1, "Q4_1", 32, 20, 4},
    {GgufType::kQ5_0, "Q5_0", 32, 22, 5},
    {GgufType::kQ5_1, "Q5_1", 32, 24, 5},
    {GgufType::kQ8_0, "Q8_0", 32, 34, 8},
    {GgufType::kQ4_K, "Q4_K", 256, 144, 4},
    {GgufType::kQ5_K, "Q5_K", 256, 176, 5},
    {GgufType::kQ6_K, "Q6_K", 256, 210, 8},
};

// By their code; "" where the format has taken a type back.
constexpr std::string_view kNames[] = {
    "F32",   "F16",   "Q4_0",    "Q4_1",   "",        "",      "Q5_0",
    "Q5_1",  "Q8_0",  "Q8_1",    "Q2_K",   "Q3_K",    "Q4_K",  "Q5_K",
    "Q6_K",  "Q8_K",  "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL",
    "IQ3_S", "IQ2_S", "IQ4_XS",  "I8",     "I16",     "I32",   "I64",
    "F64",   "IQ1_M", "BF16",    "",       "",        "",      "TQ1_0",
    "TQ2_0", "",      "",        "",       "MXFP4"};

} // namespace

std::optional<GgufTypeInfo> gguf_type(uint32_t code) {
  const auto* found = std::ranges::find(
      kTypes, static_cast<GgufType>(code), &GgufTypeInfo::type);
  return found == std::end(kTypes) ? std::nullopt : std::optional(*found);
}

const GgufTypeInfo& info_of(GgufType type) {
  const auto* found = std::ranges::find(kTypes, type, &GgufTypeInfo::type);
  PARALLM_CHECK(found != std::end(kTypes), "type {}", uint32_t(type));
  return *found;
}

std::string_view gguf_type_name(uint32_t code) {
  return code < std::size(kNames) ? kNames[code] : "";
}

std::string gguf_types_read() {
  std::string names;
  for (const auto& type : kTypes) {
    names += (names.empty() ? "" : ", ") + std::string(type.name);
  }
  return names;
}

} // namespace parallm
