#include <algorithm>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

// Qwen: biases before attention (2), or norms of heads (3).
namespace parallm {
namespace {

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  stack_experts(ck, spec, "mlp.", {"gate_proj", "up_proj", "down_proj"});
}

// Layers from max_window_layers on slide, if the file says that any do. mlx-lm
// lets them all see all positions; answers differ once a sequence is longer
// than the window.
void slide(ArchSpec& spec, const ConfigJson& json) {
  if (!json.flag_or("use_sliding_window", false)) {
    return;
  }
  slide_except(spec, json, 0);
  const int layers = static_cast<int>(spec.layers.size());
  const int seeing = json.integer_or("max_window_layers", layers, 0, layers);
  for (int i = 0; i < seeing && !json.has("layer_types"); ++i) {
    std::get<GqaSpec>(spec.layers[i].attention).window = 0;
  }
}

} // namespace

ArchSpec read_qwen2(const ConfigJson& json) {
  ArchSpec spec = read_llama(json.with_defaults(R"({"rope_theta": 1000000})"));
  each_gqa(spec, [](GqaSpec& a) {
    a.qkv_bias = true;
    a.out_bias = false;
  });
  slide(spec, json);
  return spec;
}

ArchSpec read_qwen3(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  each_gqa(spec, [](GqaSpec& a) { a.qk_norm = QkNorm::kHead; });
  slide(spec, json);
  return spec;
}

// All layers have experts, and one besides that every token visits.
ArchSpec read_qwen2_moe(const ConfigJson& json) {
  ArchSpec spec = read_qwen2(json);
  MoeSpec moe = read_moe(json, "num_experts", "moe_intermediate_size");
  moe.router.normalize = json.flag_or("norm_topk_prob", false);
  moe.shared =
      MlpSpec{.width = read_width(json, "shared_expert_intermediate_size")};
  moe.shared_gate = true;
  use_everywhere(spec, moe);
  spec.tidy = {tidy_experts};
  return spec;
}

// Experts in every layer, or in every n-th, but for those that are listed.
ArchSpec read_qwen3_moe(const ConfigJson& json) {
  ArchSpec spec = read_qwen3(json);
  MoeSpec moe = read_moe(json, "num_experts", "moe_intermediate_size");
  moe.router.normalize = json.flag_or("norm_topk_prob", false);
  const int period = json.integer_or("decoder_sparse_step", 1, 1);
  const auto dense = json.has("mlp_only_layers")
                         ? json.integers("mlp_only_layers", 0)
                         : std::vector<int>{};
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    if ((i + 1) % period == 0 && std::ranges::find(dense, i) == dense.end()) {
      spec.layers[i].feed_forward = moe;
    }
  }
  spec.tidy = {tidy_experts};
  return spec;
}

} // namespace parallm
