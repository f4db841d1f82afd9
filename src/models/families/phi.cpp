#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {

// Phi 1 and 2: attention and MLP side by side, LayerNorm, biases everywhere.
ArchSpec read_phi(const ConfigJson& json) {
  ArchSpec spec = read_llama(
      json.with_defaults(R"({"partial_rotary_factor": 0.4})"),
      {.norm_eps = "layer_norm_eps", .activation = nullptr});
  spec.parallel = true;
  spec.head_bias = true;
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = true;
  spec.names.mlp_norm = "";
  spec.names.norm = "model.final_layernorm";
  spec.names.o = "dense";
  spec.names.up = "fc1";
  spec.names.down = "fc2";
  each_gqa(spec, [](GqaSpec& a) { a.qkv_bias = a.out_bias = true; });
  each_mlp(spec, [](MlpSpec& m) {
    m.activation = Activation::kGeluTanh;
    m.gated = false;
    m.bias = true;
  });
  return spec;
}

// Phi 3 and 4: a Llama with joined matrices. One with a window slides in every
// layer, as its authors and transformers run it; see read_mistral.
ArchSpec read_phi3(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  each_gqa(spec, [](GqaSpec& a) { a.layout = QkvLayout::kJoined; });
  each_mlp(spec, [](MlpSpec& m) { m.joined = true; });
  slide_except(spec, json, 0);
  return spec;
}

} // namespace parallm
