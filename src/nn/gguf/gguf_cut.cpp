#include "nn/gguf/gguf_cut.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>

namespace parallm {
namespace {

constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)"
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|)"
    R"(\s+(?!\S)|\s+)";

const std::vector<GgufCut>& cuts() {
  static const std::vector<GgufCut> kCuts = {
      {.names = {"llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"},
       .patterns = {kLlama3Pattern},
       .whole = true,
       .adds_bos = true},
      {.names = {"qwen2", "deepseek-r1-qwen"},
       .patterns = {kQwen2Pattern},
       .composed = true},
      {.names = {"gpt-2"}, .patterns = {kGpt2Pattern}},
      {.names = {"smollm"}, .patterns = {R"(\p{N})", kGpt2Pattern}},
      {.names = {"default"},
       .patterns = {
           R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)",
           "[0-9][0-9][0-9]"}}};
  return kCuts;
}

std::string name_of(const GgufKeys& keys, const char* key) {
  if (keys.has(key)) {
    return keys.text(key);
  }
  const std::string model = "general.architecture";
  const bool qwen = keys.has(model) && keys.text(model).starts_with("qwen");
  return qwen ? "qwen2" : "default";
}

} // namespace

const GgufCut& gguf_cut(const GgufKeys& keys) {
  constexpr const char* kKey = "tokenizer.ggml.pre";
  const std::string name = name_of(keys, kKey);
  std::vector<const char*> known;
  for (const auto& cut : cuts()) {
    if (std::ranges::find(cut.names, name) != cut.names.end()) {
      return cut;
    }
    known.insert(known.end(), cut.names.begin(), cut.names.end());
  }
  keys.refuse(
      kKey,
      fmt::format("is {}, expected one of {}", name, fmt::join(known, ", ")));
}

} // namespace parallm
