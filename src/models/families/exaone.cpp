#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {

// EXAONE 4: norms after the parts, norms of heads, and where layers slide, by
// a pattern such as "LLLG", the global ones are blind to positions.
ArchSpec read_exaone4(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  spec.names.attention_norm = "";
  spec.names.attended_norm = "post_attention_layernorm";
  spec.names.mlp_norm = "";
  spec.names.mlp_done_norm = "post_feedforward_layernorm";
  const std::string pattern = json.text_or("sliding_window_pattern", "");
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    auto& a = std::get<GqaSpec>(spec.layers[i].attention);
    a.qk_norm = QkNorm::kHead;
    a.window = 0;
    if (!pattern.empty() && pattern[i % pattern.size()] == 'L') {
      a.window = json.integer("sliding_window", 1);
    } else if (!pattern.empty()) {
      a.rope.reset();
    }
  }
  return spec;
}

} // namespace parallm
