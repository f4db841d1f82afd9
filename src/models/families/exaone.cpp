#include <algorithm>

#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {
namespace {

constexpr const char* kPattern = "sliding_window_pattern";

// L slides, G sees all, over and over.
void slide_by_letters(ArchSpec& spec, const ConfigJson& json) {
  const std::string pattern = json.text(kPattern);
  if (pattern.find_first_not_of("LG") != std::string::npos) {
    json.refuse_value(kPattern, "the letters L and G");
  }
  for (size_t i = 0; !pattern.empty() && i < spec.layers.size(); ++i) {
    std::get<GqaSpec>(spec.layers[i].mixer).window =
        pattern[i % pattern.size()] == 'L' ? json.integer("sliding_window", 1)
                                           : 0;
  }
}

// Letters such as "LLLG" go before layer_types, which go before a number: each
// so many-th layer sees all. 0 is no pattern.
void slide_by_pattern(ArchSpec& spec, const ConfigJson& json) {
  if (json.is_text(kPattern)) {
    slide_by_letters(spec, json);
  } else if (const int period = json.integer_or(kPattern, 0, 0); period > 0) {
    slide_except(spec, json, period);
  }
}

bool slides(const LayerSpec& layer) {
  return std::get<GqaSpec>(layer.mixer).window > 0;
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
