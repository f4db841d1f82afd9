#include <fmt/format.h>

#include "models/read_mamba2.h"
#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

namespace parallm {
namespace {

float multiplier(const ConfigJson& json, const char* key) {
  return static_cast<float>(json.number(key, 1e-9, 1e9));
}

void read_multipliers(const ConfigJson& json, ArchSpec& spec) {
  spec.embedding_scale = multiplier(json, "embedding_multiplier");
  spec.residual_scale = multiplier(json, "residual_multiplier");
  spec.logit_scale = 1 / multiplier(json, "logits_scaling");
  const float scale = multiplier(json, "attention_multiplier");
  for (auto& layer : spec.layers) {
    if (auto* attention = std::get_if<GqaSpec>(&layer.mixer)) {
      attention->scale = scale;
    }
  }
}

MoeSpec read_experts(const ConfigJson& json) {
  MoeSpec moe = read_moe(json, "num_local_experts", "intermediate_size");
  moe.router.score = RouterSpec::Score::kSoftmaxOfChosen;
  return moe;
}

// Gate and up of all experts are one tensor.
void split_experts(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto at = fmt::format("model.layers.{}.block_sparse_moe.", i);
    const auto to = at + "switch_mlp.";
    halve(ck, at + "input_linear", -2, to + "gate_proj", to + "up_proj");
    rename_prefix(ck, at + "output_linear.", to + "down_proj.");
  }
}

// Of a hybrid without experts: its MLP goes by the name of the shared one.
void split_mlp(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const auto at = fmt::format("model.layers.{}.", i);
    const auto from = at + "shared_mlp.", to = at + "mlp.";
    halve(ck, from + "input_linear", -2, to + "gate_proj", to + "up_proj");
    rename_prefix(ck, from + "output_linear.", to + "down_proj.");
  }
}

Mamba2Spec read_mixer(const ConfigJson& json) {
  return read_mamba2_mixer(
      json, {.heads = "mamba_n_heads",
             .head_dim = "mamba_d_head",
             .groups = "mamba_n_groups",
             .state = "mamba_d_state",
             .taps = "mamba_d_conv",
             .bias = "mamba_proj_bias",
             .conv_bias = "mamba_conv_bias"});
}

// As in transformers nothing turns unless the file says rope; mlx-lm turns
// unless it says nope.
GqaSpec read_attention(const ConfigJson& json, int width) {
  GqaSpec attention = read_gqa(json, width);
  const auto positions = json.text_or("position_embedding_type", "nope");
  if (positions != "rope" && positions != "nope") {
    json.refuse_value("position_embedding_type", "rope or nope");
  }
  if (positions == "nope") {
    attention.rope.reset();
  }
  return attention;
}

void read_mixers(const ConfigJson& json, ArchSpec& spec) {
  const auto scanning = layers_of_type(
      json, "layer_types", spec.layers.size(), "mamba", "attention");
  for (size_t i = 0; i < scanning.size(); ++i) {
    if (scanning[i]) {
      spec.layers[i].mixer = read_mixer(json);
    } else {
      spec.layers[i].mixer = read_attention(json, spec.width);
    }
  }
}

// Beside the experts stands an MLP that every token visits.
void use_experts(const ConfigJson& json, ArchSpec& spec) {
  MoeSpec moe = read_experts(json);
  moe.shared = MlpSpec{
      .width = read_width(json, "shared_intermediate_size"), .joined = true};
  use_everywhere(spec, moe);
  spec.names.mlp = "";
  spec.names.router = "block_sparse_moe.router.layer";
  spec.names.experts = "block_sparse_moe.switch_mlp.";
  spec.names.shared = "shared_mlp.";
  spec.names.gate_up = "input_linear";
  spec.names.down = "output_linear";
  spec.tidy = {split_experts, flatten_convolutions};
}

void use_mlp(const ConfigJson& json, ArchSpec& spec) {
  for (auto& layer : spec.layers) {
    layer.feed_forward = read_mlp(json);
  }
  spec.tidy = {split_mlp, flatten_convolutions};
}

} // namespace

// Granite: a Llama with four multipliers.
ArchSpec read_granite(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  read_multipliers(json, spec);
  return spec;
}

ArchSpec read_granitemoe(const ConfigJson& json) {
  ArchSpec spec = read_granite(json);
  use_everywhere(spec, read_experts(json));
  spec.names.mlp = "block_sparse_moe.";
  spec.names.router = "router.layer";
  spec.tidy = {split_experts};
  return spec;
}

// Granite 4: Mamba-2 mixers and attention, experts or an MLP. Files have no
// time_step_limit: transformers then clips nothing, as do we, where mlx-lm
// clips to [0.001, 100]. Heads that have learnt shorter steps would forget too
// soon.
ArchSpec read_granitemoehybrid(const ConfigJson& json) {
  expect_text(json, "normalization_function", "rmsnorm");
  ArchSpec spec = read_frame(json);
  read_mixers(json, spec);
  if (json.integer_or("num_local_experts", 0, 0) > 0) {
    use_experts(json, spec);
  } else {
    use_mlp(json, spec);
  }
  read_multipliers(json, spec);
  return spec;
}

} // namespace parallm
