#include <algorithm>

#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {
namespace {

// A pattern such as "LLLG", over and over, goes before layer_types.
void slide_by_pattern(ArchSpec& spec, const ConfigJson& json) {
  const std::string pattern = json.text_or("sliding_window_pattern", "");
  for (size_t i = 0; !pattern.empty() && i < spec.layers.size(); ++i) {
    std::get<GqaSpec>(spec.layers[i].attention).window =
        pattern[i % pattern.size()] == 'L' ? json.integer("sliding_window", 1)
                                           : 0;
  }
}

bool slides(const LayerSpec& layer) {
  return std::get<GqaSpec>(layer.attention).window > 0;
}

} // namespace

// EXAONE 4: norms after the parts, norms of heads, and where some layers slide,
// those that see all are blind to positions.
ArchSpec read_exaone4(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  spec.names.attention_norm = "";
  spec.names.attended_norm = "post_attention_layernorm";
  spec.names.mlp_norm = "";
  spec.names.mlp_done_norm = "post_feedforward_layernorm";
  slide_by_pattern(spec, json);
  const bool some_slide = std::ranges::any_of(spec.layers, slides);
  each_gqa(spec, [&](GqaSpec& a) {
    a.qk_norm = QkNorm::kHead;
    if (some_slide && a.window == 0) {
      a.rope.reset();
    }
  });
  return spec;
}

} // namespace parallm
