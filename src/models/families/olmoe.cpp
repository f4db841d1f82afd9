#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {
namespace {

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  stack_experts(ck, spec, "mlp.", {"gate_proj", "up_proj", "down_proj"});
}

} // namespace

// OLMoE: a Llama with experts in every layer and norms of all heads together.
ArchSpec read_olmoe(const ConfigJson& json) {
  if (json.has("clip_qkv")) {
    json.refuse_value("clip_qkv", "null: clipping is not supported");
  }
  ArchSpec spec = read_llama(json);
  each_gqa(spec, [](GqaSpec& a) { a.qk_norm = QkNorm::kWhole; });
  MoeSpec moe = read_moe(json, "num_experts", "intermediate_size");
  moe.router.normalize = json.flag_or("norm_topk_prob", false);
  use_everywhere(spec, moe);
  spec.tidy = {tidy_experts};
  return spec;
}

} // namespace parallm
