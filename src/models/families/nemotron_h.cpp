#include <fmt/format.h>

#include "models/read_mamba2.h"
#include "models/read_router.h"
#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

// Nemotron H: each layer is one part, a Mamba-2 mixer, attention, an MLP or
// experts.
namespace parallm {
namespace {

// One letter a layer, or one word.
std::vector<char> read_parts(const ConfigJson& json) {
  if (json.has("hybrid_override_pattern")) {
    const auto pattern = json.text("hybrid_override_pattern");
    return {pattern.begin(), pattern.end()};
  }
  const char* key =
      json.has("layers_block_type") ? "layers_block_type" : "layer_types";
  std::vector<char> parts;
  for (const auto& type : json.texts(key)) {
    parts.push_back(
        type == "mamba" || type == "linear_attention"     ? 'M'
        : type == "attention" || type == "full_attention" ? '*'
        : type == "mlp"                                   ? '-'
        : type == "moe"                                   ? 'E'
                                                          : '?');
    if (parts.back() == '?') {
      json.refuse_value(key, "a list of mamba, attention, mlp and moe");
    }
  }
  return parts;
}

MlpSpec read_relu2_mlp(const ConfigJson& json, const char* width_key) {
  return {
      .width = read_width(json, width_key),
      .activation = Activation::kRelu2,
      .gated = false,
      .bias = json.flag_or("mlp_bias", false)};
}

MoeSpec read_experts(const ConfigJson& json) {
  MoeSpec moe = read_moe(json, "n_routed_experts", "moe_intermediate_size");
  read_balanced_router(json, moe);
  moe.activation = Activation::kRelu2;
  moe.gated = false;
  if (json.has("moe_latent_size")) {
    moe.latent = read_width(json, "moe_latent_size");
    moe.latent_bias = json.flag_or("mlp_bias", false);
  }
  if (json.integer_or("n_shared_experts", 0, 0) > 0) {
    moe.shared = read_relu2_mlp(json, "moe_shared_expert_intermediate_size");
  }
  return moe;
}

// Blind to positions.
GqaSpec read_attention(const ConfigJson& json, int width) {
  GqaSpec attention = read_gqa(json, width);
  attention.rope.reset();
  return attention;
}

Mamba2Spec read_mixer(const ConfigJson& json) {
  Mamba2Spec mixer = read_mamba2_mixer(
      json, {.heads = "mamba_num_heads",
             .head_dim = "mamba_head_dim",
             .state = "ssm_state_size",
             .bias = "mamba_proj_bias"});
  mixer.norm_groups = mixer.scan.groups;
  return mixer;
}

LayerSpec read_layer(const ConfigJson& json, char part, int width) {
  switch (part) {
    case 'M':
      return {read_mixer(json), std::monostate()};
    case '*':
      return {read_attention(json, width), std::monostate()};
    case '-':
      return {std::monostate(), read_relu2_mlp(json, "intermediate_size")};
    case 'E':
      return {std::monostate(), read_experts(json)};
    default:
      json.refuse_value("hybrid_override_pattern", "the letters M, *, - and E");
  }
}

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  leave_out(ck, "mtp", kGuessesAhead);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (const auto* moe = std::get_if<MoeSpec>(&spec.layers[i].feed_forward)) {
      const auto at = fmt::format("backbone.layers.{}.mixer.", i);
      const auto from = at + "experts.{}.", to = at + "switch_mlp.";
      stack(ck, from + "up_proj", moe->experts, to + "fc1");
      stack(ck, from + "down_proj", moe->experts, to + "fc2");
    }
  }
}

void name_modules(ModuleNames& names) {
  names.embedding = "backbone.embeddings";
  names.layer = "backbone.layers.{}.";
  names.norm = "backbone.norm_f";
  names.attention_norm = names.mlp_norm = "norm";
  names.attention = names.recurrent = names.mlp = "mixer.";
  names.shared = "shared_experts.";
  names.expert_up = "fc1";
  names.expert_down = "fc2";
}

} // namespace

ArchSpec read_nemotron_h(const ConfigJson& config) {
  expect_text(config, "mlp_hidden_act", "relu2");
  expect_text(config, "mamba_hidden_act", "silu");
  const auto parts = read_parts(config);
  const auto json = config.with_defaults(
      fmt::format(R"({{"num_hidden_layers": {}}})", parts.size()));
  ArchSpec spec = read_frame(
      json, {.norm_eps = "layer_norm_epsilon", .activation = nullptr});
  if (spec.layers.size() != parts.size()) {
    json.refuse_value(
        "num_hidden_layers", fmt::format("the layers named, {}", parts.size()));
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    spec.layers[i] = read_layer(json, parts[i], spec.width);
  }
  spec.tied_head = spec.tied_head.value_or(false);
  name_modules(spec.names);
  spec.tidy = {tidy_experts, flatten_convolutions};
  return spec;
}

} // namespace parallm
