#include <fmt/format.h>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {
namespace {

float multiplier(const ConfigJson& json, const char* key) {
  return static_cast<float>(json.number(key, 1e-9, 1e9));
}

// Gate and up of all experts are one tensor.
void split_experts(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto at = fmt::format("model.layers.{}.block_sparse_moe.", i);
    const auto to = at + "switch_mlp.";
    halve(ck, at + "input_linear", -2, to + "gate_proj", to + "up_proj");
    rename_prefix(ck, at + "output_linear.", to + "down_proj.");
  }
}

} // namespace

// Granite: a Llama with four multipliers.
ArchSpec read_granite(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  spec.embedding_scale = multiplier(json, "embedding_multiplier");
  spec.residual_scale = multiplier(json, "residual_multiplier");
  spec.logit_scale = 1 / multiplier(json, "logits_scaling");
  const float scale = multiplier(json, "attention_multiplier");
  each_gqa(spec, [&](GqaSpec& a) { a.scale = scale; });
  return spec;
}

ArchSpec read_granitemoe(const ConfigJson& json) {
  ArchSpec spec = read_granite(json);
  MoeSpec moe = read_moe(json, "num_local_experts", "intermediate_size");
  moe.router.score = RouterSpec::Score::kSoftmaxOfChosen;
  use_everywhere(spec, moe);
  spec.names.mlp = "block_sparse_moe.";
  spec.names.router = "router.layer";
  spec.tidy = {split_experts};
  return spec;
}

} // namespace parallm
