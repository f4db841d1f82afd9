#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {

// GLM 4: norms before and after both parts, half of a head turns.
ArchSpec read_glm4(const ConfigJson& json) {
  ArchSpec spec =
      read_llama(json.with_defaults(R"({"partial_rotary_factor": 0.5})"));
  spec.names.attended_norm = "post_self_attn_layernorm";
  spec.names.mlp_done_norm = "post_mlp_layernorm";
  const bool adjacent = json.flag_or("rope_traditional", true);
  each_gqa(spec, [&](GqaSpec& a) {
    a.out_bias = false;
    a.rope->pairs = adjacent ? RopePairs::kAdjacent : RopePairs::kHalves;
  });
  each_mlp(spec, [](MlpSpec& m) { m.joined = true; });
  return spec;
}

} // namespace parallm
