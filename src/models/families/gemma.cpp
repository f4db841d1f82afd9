#include <bit>
#include <cmath>

#include "kernels/floats.h"
#include "models/read_spec.h"
#include "models/registry.h"

// Gemma: norms stored less 1, token vectors times the root of E, GELU.
namespace parallm {
namespace {

// Any activation by name: the files' hidden_act is not what the models use.
ArchSpec read_common(
    const ConfigJson& json, Activation activation, const RopeKeys& rope = {}) {
  ArchSpec spec = read_llama(json, {.activation = nullptr, .rope = rope});
  spec.norm.plus_one = true;
  spec.embedding_scale = std::sqrt(static_cast<float>(spec.width));
  each_mlp(spec, [&](MlpSpec& m) { m.activation = activation; });
  return spec;
}

void wrap_parts_in_norms(ModuleNames& names) {
  names.attended_norm = "post_attention_layernorm";
  names.mlp_norm = "pre_feedforward_layernorm";
  names.mlp_done_norm = "post_feedforward_layernorm";
}

float query_scale(const ConfigJson& json, double fallback) {
  return static_cast<float>(
      1 /
      std::sqrt(json.number_or("query_pre_attn_scalar", fallback, 1e-6, 1e9)));
}

// null is none; a file that does not say has the family's.
float softcap(const ConfigJson& json, const char* key, double fallback) {
  return json.is_null(key)
             ? 0
             : static_cast<float>(json.number_or(key, fallback, 1e-6, 1e9));
}

// As a bfloat16, in which the authors keep it.
float rounded(float number) {
  const uint32_t bits = uint32_t{to_bfloat16(number)} << 16;
  return std::bit_cast<float>(bits);
}

constexpr const char* kSliding = "sliding_attention";

// Of the layers that slide. Newer files have a set for each type of layer.
RopeSpec sliding_rope(const ConfigJson& json, int head_dim) {
  const double theta = json.number_or("rope_local_base_freq", 10'000, 1, 1e12);
  RopeSpec rope{.width = head_dim, .theta = theta};
  if (json.is_object("rope_parameters") &&
      json.object("rope_parameters").is_object(kSliding)) {
    rope = read_rope(json, head_dim, {.layer_type = kSliding});
    const auto set = json.object("rope_parameters").object(kSliding);
    rope.theta = set.has("rope_theta") ? rope.theta : theta;
  }
  return rope;
}

} // namespace

ArchSpec read_gemma(const ConfigJson& json) {
  return read_common(json, Activation::kGelu);
}

// Every other layer slides, the first one too. mlx-lm lets them all see all
// positions; answers differ once a sequence is longer than the window.
ArchSpec read_gemma2(const ConfigJson& json) {
  ArchSpec spec = read_common(json, Activation::kGeluTanh);
  wrap_parts_in_norms(spec.names);
  const float scale = query_scale(json, 144);
  const float cap = softcap(json, "attn_logit_softcapping", 50);
  each_gqa(spec, [&](GqaSpec& a) {
    a.scale = scale;
    a.softcap = cap;
  });
  slide_except(spec, json, 2);
  spec.logit_softcap = softcap(json, "final_logit_softcapping", 30);
  return spec;
}

// Five layers slide for one that sees all; those turn heads by a rope of their
// own.
// What files leave out is as in transformers, the window as in mlx-lm.
ArchSpec read_gemma3_text(const ConfigJson& file) {
  const ConfigJson json = file.with_defaults(
      R"({"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
          "vocab_size": 262208, "rope_theta": 1000000, "sliding_window": 512,
          "max_position_embeddings": 131072})");
  expect_flag(json, "use_bidirectional_attention", false);
  ArchSpec spec = read_common(
      json, Activation::kGeluTanh, {.layer_type = "full_attention"});
  wrap_parts_in_norms(spec.names);
  spec.embedding_scale = rounded(spec.embedding_scale);
  slide_except(spec, json, json.integer_or("sliding_window_pattern", 6, 1));
  const float scale = query_scale(json, 256);
  each_gqa(spec, [&](GqaSpec& a) {
    a.scale = scale;
    a.qk_norm = QkNorm::kHead;
    if (a.window > 0) {
      a.rope = sliding_rope(json, a.head_dim);
    }
  });
  return spec;
}

} // namespace parallm
