#include "nn/gguf/gguf_architecture.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

namespace parallm {
namespace {

constexpr int64_t kMostExperts = 1 << 20; // far above any model

constexpr GgufWidth kQwenWidths[] = {
    {"expert_feed_forward_length", "moe_intermediate_size"},
    {"expert_shared_feed_forward_length", "shared_expert_intermediate_size"}};

// One of the same name with experts is another model. Whether shares are made
// to add up to 1 is no setting of the format's; a Mixtral's do as they are.
constexpr GgufArchitecture kArchitectures[] = {
    {.name = "llama", .model_type = "llama"},
    {.name = "llama",
     .model_type = "mixtral",
     .experts = "block_sparse_moe.",
     .count_key = "num_local_experts",
     .normalizes = true},
    {.name = "qwen2", .model_type = "qwen2"},
    {.name = "qwen2moe",
     .model_type = "qwen2_moe",
     .experts = "mlp.",
     .count_key = "num_experts",
     .widths = kQwenWidths},
    {.name = "qwen3", .model_type = "qwen3"},
    {.name = "qwen3moe",
     .model_type = "qwen3_moe",
     .experts = "mlp.",
     .count_key = "num_experts",
     .normalizes = true,
     .widths = std::span(kQwenWidths, 1)}};

std::vector<std::string_view> names() {
  std::vector<std::string_view> names;
  for (const auto& each : kArchitectures) {
    if (names.empty() || names.back() != each.name) {
      names.push_back(each.name);
    }
  }
  return names;
}

[[noreturn]] void refuse(
    const GgufKeys& keys, const std::string& name, bool any_experts) {
  const auto known = names();
  if (std::ranges::find(known, name) == known.end()) {
    keys.refuse(
        "general.architecture",
        fmt::format("is {}, expected one of {}", name, fmt::join(known, ", ")));
  }
  keys.refuse(
      name + ".expert_count",
      any_experts ? "is there, but such a model has no experts"
                  : "is missing or 0, but such a model has experts");
}

} // namespace

const GgufArchitecture& gguf_architecture(const GgufKeys& keys) {
  const auto& name = keys.text("general.architecture");
  const std::string count = name + ".expert_count";
  const bool any = keys.has(count) && keys.integer(count, 0, kMostExperts) > 0;
  const auto* found =
      std::ranges::find_if(kArchitectures, [&](const auto& each) {
        return each.name == name && each.has_experts() == any;
      });
  if (found == std::end(kArchitectures)) {
    refuse(keys, name, any);
  }
  return *found;
}

} // namespace parallm
