#include <fmt/format.h>

#include <algorithm>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"
#include "nn/checkpoint.h"

// Qwen: biases before attention (2), norms of heads (3), gated delta nets
// (Next).
namespace parallm {
namespace {

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  stack_experts(ck, spec, "mlp.", {"gate_proj", "up_proj", "down_proj"});
}

MoeSpec read_experts(const ConfigJson& json) {
  MoeSpec moe = read_moe(json, "num_experts", "moe_intermediate_size");
  moe.router.normalize = json.flag_or("norm_topk_prob", false);
  return moe;
}

MoeSpec read_shared_experts(const ConfigJson& json) {
  MoeSpec moe = read_experts(json);
  moe.shared =
      MlpSpec{.width = read_width(json, "shared_expert_intermediate_size")};
  moe.shared_gate = true;
  return moe;
}

// In every layer, or in every n-th, but for those that are listed.
void place_experts(ArchSpec& spec, const ConfigJson& json, const MoeSpec& moe) {
  const int period = json.integer_or("decoder_sparse_step", 1, 1);
  const auto dense = json.has("mlp_only_layers")
                         ? json.integers("mlp_only_layers", 0)
                         : std::vector<int>{};
  for (int i = 0; i < static_cast<int>(spec.layers.size()); ++i) {
    if ((i + 1) % period == 0 && std::ranges::find(dense, i) == dense.end()) {
      spec.layers[i].feed_forward = moe;
    }
  }
}

GatedDeltaSpec read_delta(const ConfigJson& json) {
  constexpr int kMostOfEach = 1 << 10; // so that a state's size fits an int
  const auto read = [&](const char* key) {
    return json.integer(key, 1, kMostOfEach);
  };
  GatedDeltaSpec spec;
  auto& delta = spec.delta;
  delta.key_heads = read("linear_num_key_heads");
  delta.value_heads = read("linear_num_value_heads");
  delta.key_dim = read("linear_key_head_dim");
  delta.value_dim = read("linear_value_head_dim");
  if (delta.value_heads % delta.key_heads != 0) {
    json.refuse_value(
        "linear_num_value_heads",
        fmt::format("a multiple of linear_num_key_heads, {}", delta.key_heads));
  }
  spec.taps = read_taps(json, "linear_conv_kernel_dim", delta_columns(delta));
  return spec;
}

// By layer_types or, where there are none, every n-th; mlx-lm reads the latter
// only.
std::vector<bool> read_attending(const ConfigJson& json, size_t layers) {
  if (json.has("layer_types")) {
    return layers_of_type(
        json, "layer_types", layers, "full_attention", "linear_attention");
  }
  std::vector<bool> attending(layers);
  const int period = json.integer_or("full_attention_interval", 4, 1);
  for (size_t i = 0; i < layers; ++i) {
    attending[i] = (i + 1) % period == 0;
  }
  return attending;
}

GqaSpec read_gated_attention(const ConfigJson& json, int width) {
  GqaSpec attention = read_gqa(json, width);
  attention.qk_norm = QkNorm::kHead;
  attention.gated = true;
  return attention;
}

// On the Hub most norms multiply by 1 + weight, not that of the delta net.
void add_one_to_norms(Checkpoint& ck) {
  constexpr const char* kNorms[] = {
      "layernorm.weight", "model.norm.weight", "q_norm.weight",
      "k_norm.weight"};
  for (const auto& name : ck.names()) {
    const auto ends = [&](const char* end) { return name.ends_with(end); };
    if (std::ranges::any_of(kNorms, ends)) {
      ck.put(name, mx::astype(ck.pull(name), mx::float32) + mx::array(1.0f));
    }
  }
}

// A head of keys after the other has its query, its key, and the values and
// gates of the heads that share it; b and a likewise.
void tidy_projections(
    Checkpoint& ck, const std::string& at, const DeltaShape& delta) {
  const int sharing = delta.value_heads / delta.key_heads;
  const int key = delta.key_dim, values = sharing * delta.value_dim;
  put_part_by_part(
      ck, at + "in_proj_qkvz", delta.key_heads, {key, key, values, values});
  put_part_by_part(ck, at + "in_proj_ba", delta.key_heads, {sharing, sharing});
}

void tidy_mixers(Checkpoint& ck, const ArchSpec& spec) {
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (const auto* m = std::get_if<GatedDeltaSpec>(&spec.layers[i].mixer)) {
      tidy_projections(
          ck, fmt::format("model.layers.{}.linear_attn.", i), m->delta);
    }
  }
}

void tidy_next(Checkpoint& ck, const ArchSpec& spec) {
  leave_out(ck, "mtp", kGuessesAhead);
  const auto names = ck.names();
  if (std::ranges::any_of(names, [](const std::string& name) {
        return name.ends_with(".mlp.experts.0.up_proj.weight");
      })) {
    add_one_to_norms(ck);
  }
  tidy_experts(ck, spec);
}

constexpr int kMostLayers = 1 << 16; // far above any model's

// Does this layer slide? max_window_layers is read by each family in its own
// way, as in transformers.
using Slides = bool (*)(int layer, int max_window_layers);

bool from_there_on(int layer, int max_window_layers) {
  return layer >= max_window_layers;
}

bool every_other_before(int layer, int max_window_layers) {
  return layer % 2 == 0 && layer < max_window_layers;
}

bool everywhere(int, int) {
  return true;
}

// Only if the file says that any do. mlx-lm lets them all see all positions;
// answers differ once a sequence is longer than the window.
void slide(ArchSpec& spec, const ConfigJson& json, Slides slides) {
  if (!json.flag_or("use_sliding_window", false)) {
    return;
  }
  slide_except(spec, json, 0);
  const int layers = static_cast<int>(spec.layers.size());
  // 28 is transformers' own default; a limit beyond the layers is common.
  const int limit = json.integer_or("max_window_layers", 28, 0, kMostLayers);
  for (int i = 0; i < layers && !json.has("layer_types"); ++i) {
    if (!slides(i, limit)) {
      std::get<GqaSpec>(spec.layers[i].mixer).window = 0;
    }
  }
}

ArchSpec read_biased(const ConfigJson& json, Slides slides) {
  ArchSpec spec = read_llama(json.with_defaults(R"({"rope_theta": 1000000})"));
  each_gqa(spec, [](GqaSpec& a) {
    a.qkv_bias = true;
    a.out_bias = false;
  });
  slide(spec, json, slides);
  return spec;
}

ArchSpec read_normed(const ConfigJson& json, Slides slides) {
  ArchSpec spec = read_llama(json);
  each_gqa(spec, [](GqaSpec& a) { a.qk_norm = QkNorm::kHead; });
  slide(spec, json, slides);
  return spec;
}

} // namespace

ArchSpec read_qwen2(const ConfigJson& json) {
  return read_biased(json, from_there_on);
}

ArchSpec read_qwen3(const ConfigJson& json) {
  return read_normed(json, from_there_on);
}

// All layers have experts, and one besides that every token visits.
ArchSpec read_qwen2_moe(const ConfigJson& json) {
  ArchSpec spec = read_biased(json, every_other_before);
  use_everywhere(spec, read_shared_experts(json));
  spec.tidy = {tidy_experts};
  return spec;
}

ArchSpec read_qwen3_moe(const ConfigJson& json) {
  ArchSpec spec = read_normed(json, everywhere);
  place_experts(spec, json, read_experts(json));
  spec.tidy = {tidy_experts};
  return spec;
}

// Two of three layers or so have a gated delta net; the others attend, and
// gate what they give.
ArchSpec read_qwen3_next(const ConfigJson& json) {
  ArchSpec spec = read_frame(json);
  const auto attending = read_attending(json, spec.layers.size());
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    auto& layer = spec.layers[i];
    layer.feed_forward =
        MlpSpec{.width = read_width(json, "intermediate_size")};
    layer.mixer = read_delta(json);
    if (attending[i]) {
      layer.mixer = read_gated_attention(json, spec.width);
    }
  }
  if (json.integer_or("num_experts", 0, 0) > 0) {
    place_experts(spec, json, read_shared_experts(json));
  }
  spec.names.recurrent = "linear_attn.";
  spec.tidy = {tidy_next, tidy_mixers, flatten_convolutions};
  return spec;
}

} // namespace parallm
