#include "models/read_spec.h"
#include "models/registry.h"

// Command R: attention and MLP side by side, LayerNorm, adjacent pairs turn.
namespace parallm {

ArchSpec read_cohere(const ConfigJson& json) {
  ArchSpec spec = read_llama(
      json.with_defaults(R"({"rope_theta": 8000000})"),
      {.norm_eps = "layer_norm_eps"});
  spec.parallel = true;
  spec.names.mlp_norm = "";
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = json.flag_or("layer_norm_bias", false);
  spec.logit_scale =
      static_cast<float>(json.number_or("logit_scale", 0.0625, 1e-9, 1e9));
  spec.tied_head = true;
  const bool norms = json.flag_or("use_qk_norm", false);
  each_gqa(spec, [&](GqaSpec& a) {
    a.rope->pairs = RopePairs::kAdjacent;
    a.qk_norm = norms ? QkNorm::kEachHead : QkNorm::kNone;
  });
  return spec;
}

// Three layers slide for one that sees all, and that one is blind to positions.
ArchSpec read_cohere2(const ConfigJson& file) {
  const ConfigJson json =
      file.with_defaults(R"({"rope_theta": 50000, "sliding_window": 4096})");
  ArchSpec spec = read_cohere(json);
  slide_except(spec, json, json.integer_or("sliding_window_pattern", 4, 1));
  each_gqa(spec, [](GqaSpec& a) {
    if (a.window == 0) {
      a.rope.reset();
    }
  });
  return spec;
}

} // namespace parallm
