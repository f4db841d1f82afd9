#include "models/read_spec.h"
#include "models/registry.h"

namespace parallm {

// StarCoder 2: LayerNorm, biases, an MLP without a gate. One with a window
// slides in every layer, as transformers runs it; see read_mistral.
ArchSpec read_starcoder2(const ConfigJson& json) {
  ArchSpec spec = read_llama(
      json.with_defaults(R"({"rope_theta": 100000})"),
      {.norm_eps = "norm_epsilon", .activation = nullptr});
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = true;
  spec.names.up = "c_fc";
  spec.names.down = "c_proj";
  each_gqa(spec, [](GqaSpec& a) { a.qkv_bias = a.out_bias = true; });
  each_mlp(spec, [](MlpSpec& m) {
    m.activation = Activation::kGelu;
    m.gated = false;
    m.bias = true;
  });
  slide_except(spec, json, 0);
  return spec;
}

} // namespace parallm
