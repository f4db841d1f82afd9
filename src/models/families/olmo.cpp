#include "models/read_spec.h"
#include "models/registry.h"

// OLMo 2 and 3: norms after attention and MLP instead of before, and of all
// heads together.
namespace parallm {

ArchSpec read_olmo2(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  spec.names.attention_norm = "";
  spec.names.attended_norm = "post_attention_layernorm";
  spec.names.mlp_norm = "";
  spec.names.mlp_done_norm = "post_feedforward_layernorm";
  each_gqa(spec, [](GqaSpec& a) { a.qk_norm = QkNorm::kWhole; });
  return spec;
}

// Three layers slide for one that sees all; only that one's rope is scaled.
ArchSpec read_olmo3(const ConfigJson& json) {
  ArchSpec spec = read_olmo2(json);
  slide_except(spec, json, 4);
  each_gqa(spec, [](GqaSpec& a) {
    if (a.window > 0) {
      a.rope = RopeSpec{.width = a.rope->width, .theta = a.rope->theta};
    }
  });
  return spec;
}

} // namespace parallm
