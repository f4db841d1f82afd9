#include "models/read_spec.h"
#include "models/registry.h"

// Llama 1 to 3.2 and what is built the same but for a setting or two.
namespace parallm {

ArchSpec read_llama_family(const ConfigJson& json) {
  return read_llama(json);
}

// Layers say themselves whether they slide. A Mistral that says nothing but has
// a window slides everywhere: its authors made it so, and transformers runs it
// so. mlx-lm, which takes it for a Llama, lets it see all positions; answers
// differ once a sequence is longer than the window.
ArchSpec read_mistral(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  slide_except(spec, json, 0);
  return spec;
}

// Queries grow beyond the original context, as in Llama 4.
ArchSpec read_ministral3(const ConfigJson& json) {
  constexpr const char* kBeta = "llama_4_scaling_beta";
  ArchSpec spec = read_llama(json, {.rope = {.also = kBeta}});
  const ConfigJson rope = json.object("rope_parameters");
  const QueryGrowth growth{
      .beta = static_cast<float>(rope.number(kBeta, 0, 1e6)),
      .period = rope.integer("original_max_position_embeddings", 1)};
  each_gqa(spec, [&](GqaSpec& a) { a.growth = growth; });
  return spec;
}

// Every fourth layer, or those that the file lists with a 0, is blind to
// positions.
ArchSpec read_smollm3(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  const int period = json.integer_or("no_rope_layer_interval", 4, 1);
  std::vector<int> turned;
  if (json.has("no_rope_layers")) {
    turned = json.integers("no_rope_layers", 0);
    if (turned.size() != spec.layers.size()) {
      json.refuse("no_rope_layers", "has not one entry a layer");
    }
  }
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (turned.empty() ? (i + 1) % period == 0 : turned[i] == 0) {
      std::get<GqaSpec>(spec.layers[i].mixer).rope.reset();
    }
  }
  return spec;
}

// One setting for the biases of attention, one for those of the MLP.
ArchSpec read_internlm3(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  const bool attention = json.flag_or("qkv_bias", false);
  const bool mlp = json.flag_or("bias", false);
  each_gqa(spec, [&](GqaSpec& a) { a.qkv_bias = a.out_bias = attention; });
  each_mlp(spec, [&](MlpSpec& m) { m.bias = mlp; });
  return spec;
}

ArchSpec read_seed_oss(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  const bool out = json.flag_or("attention_out_bias", false);
  each_gqa(spec, [&](GqaSpec& a) { a.out_bias = out; });
  return spec;
}

ArchSpec read_ernie4_5(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  const bool bias = json.flag_or("use_bias", false);
  each_gqa(spec, [&](GqaSpec& a) {
    a.qkv_bias = a.out_bias = bias;
    a.rope->pairs = RopePairs::kAdjacent;
  });
  each_mlp(spec, [&](MlpSpec& m) { m.bias = bias; });
  return spec;
}

} // namespace parallm
