#include <fmt/format.h>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {
namespace {

// The norms of a layer's heads are modules of their own: one matrix of them.
void join_head_norms(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto& a = std::get<GqaSpec>(spec.layers[i].mixer);
    const auto at = fmt::format("model.layers.{}.self_attn.", i);
    stack(ck, at + "q_layernorm.norms.{}", a.heads, at + "q_layernorm");
    stack(ck, at + "k_layernorm.norms.{}", a.kv_heads, at + "k_layernorm");
  }
}

} // namespace

// StableLM 2: a Llama with LayerNorm, a quarter of each head turned, and
// perhaps both parts side by side.
ArchSpec read_stablelm(const ConfigJson& json) {
  ArchSpec spec = read_llama(
      json.with_defaults(R"({"partial_rotary_factor": 0.25})"),
      {.norm_eps = "layer_norm_eps"});
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = true;
  spec.parallel = json.flag_or("use_parallel_residual", false);
  if (spec.parallel) {
    spec.names.mlp_norm = "";
  }
  spec.names.q_norm = "q_layernorm";
  spec.names.k_norm = "k_layernorm";
  const bool bias = json.flag_or("use_qkv_bias", false);
  const bool norms = json.flag_or("qk_layernorm", false);
  each_gqa(spec, [&](GqaSpec& a) {
    a.qkv_bias = bias;
    a.out_bias = false;
    a.qk_norm = norms ? QkNorm::kEachHead : QkNorm::kNone;
  });
  if (norms) {
    spec.tidy = {join_head_norms};
  }
  return spec;
}

} // namespace parallm
