#include <fmt/format.h>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {
namespace {

// The Hub's names to mlx-lm's; buffers that are no weights are forgotten.
void rename_modules(Checkpoint& ck, const ArchSpec&) {
  for (const char* buffer : {".attention.bias", ".attention.masked_bias"}) {
    drop_suffix(ck, buffer);
  }
  rename_prefix(ck, "gpt_neox.layers.", "model.h.");
  rename_prefix(ck, "gpt_neox.", "model.");
  rename_prefix(ck, "embed_out.", "model.embed_out.");
}

// Newer files have them within rope_parameters, and what is missing there by
// its old name.
ConfigJson with_usual_rope_keys(const ConfigJson& json) {
  return json.with_defaults(fmt::format(
      R"({{"partial_rotary_factor": {}, "rope_theta": {}}})",
      json.number_or("rotary_pct", 0.25, 0, 1),
      json.number_or("rotary_emb_base", 10'000, 1e-3, 1e12)));
}

} // namespace

// GPT-NeoX and Pythia: LayerNorm, biases, both parts side by side, each with
// its own norm; queries, keys and values of a head lie together.
ArchSpec read_gpt_neox(const ConfigJson& json) {
  ArchSpec spec = read_llama(
      with_usual_rope_keys(json),
      {.norm_eps = "layer_norm_eps", .activation = nullptr});
  spec.norm.kind = NormKind::kLayer;
  spec.norm.bias = true;
  spec.parallel = json.flag_or("use_parallel_residual", true);
  spec.names = {
      .embedding = "model.embed_in",
      .layer = "model.h.{}.",
      .norm = "model.final_layer_norm",
      .head = "model.embed_out",
      .attention = "attention.",
      .o = "dense",
      .qkv = "query_key_value",
      .up = "dense_h_to_4h",
      .down = "dense_4h_to_h"};
  each_gqa(spec, [](GqaSpec& a) {
    a.layout = QkvLayout::kByHead;
    a.qkv_bias = a.out_bias = true;
  });
  each_mlp(spec, [](MlpSpec& m) {
    m.activation = Activation::kGeluTanh;
    m.gated = false;
    m.bias = true;
  });
  spec.tidy = {rename_modules};
  return spec;
}

} // namespace parallm
