#include <fmt/format.h>

#include <algorithm>

#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"

// LFM2: some layers attend, the others have a short convolution.
namespace parallm {
namespace {

// By full_attn_idxs or, in younger files, layer_types.
std::vector<bool> read_attending(const ConfigJson& json, size_t layers) {
  if (json.has("full_attn_idxs")) {
    std::vector<bool> attending(layers);
    for (const int i : json.integers("full_attn_idxs", 0)) {
      if (i >= static_cast<int>(layers)) {
        json.refuse_value(
            "full_attn_idxs", fmt::format("numbers from 0 to {}", layers - 1));
      }
      attending[i] = true;
    }
    return attending;
  }
  return layers_of_type(json, "layer_types", layers, "full_attention", "conv");
}

// Two thirds of the width asked for, as a gated MLP has a third matrix.
int adjusted(const ConfigJson& json, const char* key, int width) {
  const double factor =
      json.number_or("block_ffn_dim_multiplier", 1, 1e-3, 1e3);
  const int step = json.integer_or("block_multiple_of", 256, 1, 1 << 20);
  const auto wanted =
      static_cast<int64_t>(factor * static_cast<int>(2.0 * width / 3));
  const int64_t rounded = (wanted + step - 1) / step * step;
  if (rounded < 1 || rounded > kMostJoinedWidth) {
    json.refuse(
        key, fmt::format(
                 "is {}, adjusted {}, expected from 1 to {} after that", width,
                 rounded, kMostJoinedWidth));
  }
  return static_cast<int>(rounded);
}

MlpSpec read_feed_forward(const ConfigJson& json) {
  const char* key =
      json.has("block_ff_dim") ? "block_ff_dim" : "intermediate_size";
  const int width = read_width(json, key);
  return {
      .width = json.flag_or("block_auto_adjust_ff_dim", true)
                   ? adjusted(json, key, width)
                   : width};
}

GqaSpec read_attention(const ConfigJson& json, int width) {
  GqaSpec attention = read_gqa(json, width);
  attention.qk_norm = QkNorm::kHead;
  return attention;
}

} // namespace

ArchSpec read_lfm2(const ConfigJson& config) {
  const auto json = config.with_defaults(R"({"rope_theta": 1000000})");
  expect_flag(json, "block_use_swiglu", true);
  expect_flag(json, "use_pos_enc", true);
  ArchSpec spec = read_frame(json, {.norm_eps = "norm_eps"});
  const ShortConvSpec convolution{
      .width = spec.width,
      .taps = read_taps(json, "conv_L_cache", spec.width),
      .bias = json.flag_or("conv_bias", false)};
  const auto attending = read_attending(json, spec.layers.size());
  for (size_t i = 0; i < attending.size(); ++i) {
    spec.layers[i] = {convolution, read_feed_forward(json)};
    if (attending[i]) {
      spec.layers[i].mixer = read_attention(json, spec.width);
    }
  }
  // Its own key goes first, as in transformers; mlx-lm always ties.
  spec.tied_head = json.flag_or("tie_embedding", spec.tied_head.value_or(true));
  auto& names = spec.names;
  names.norm = "model.embedding_norm";
  names.attention_norm = "operator_norm";
  names.mlp_norm = "ffn_norm";
  names.recurrent = "conv.";
  names.q_norm = "q_layernorm";
  names.k_norm = "k_layernorm";
  names.o = "out_proj";
  names.mlp = "feed_forward.";
  names.gate = "w1";
  names.up = "w3";
  names.down = "w2";
  spec.tidy = {flatten_convolutions};
  return spec;
}

} // namespace parallm
