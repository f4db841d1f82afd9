#include "nn/model_config.h"

#include <fmt/format.h>

namespace parallm {
namespace {

// Far above any model. Where two of these are multiplied in an int, as heads
// and head_dim are, their product has a bound of its own.
constexpr int kMostWidth = 1 << 20;
constexpr int kMostJoinedWidth = kMostWidth * 16; // of all heads, or the MLP
constexpr int kMostLayers = 4096;
constexpr int kMostPositions = 1 << 27;

void read_sizes(const ConfigJson& json, ModelConfig& c) {
  c.width = json.integer("hidden_size", 1, kMostWidth);
  c.layers = json.integer("num_hidden_layers", 1, kMostLayers);
  c.heads = json.integer("num_attention_heads", 1, kMostWidth);
  c.kv_heads = json.integer_or("num_key_value_heads", c.heads, 1, c.heads);
  c.mlp_width = json.integer("intermediate_size", 1, kMostJoinedWidth);
  c.vocab = json.integer("vocab_size", 1, 1 << 26);
  c.max_positions =
      json.integer_or("max_position_embeddings", 2048, 1, kMostPositions);
  if (c.heads % c.kv_heads != 0) {
    json.refuse_value(
        "num_key_value_heads",
        fmt::format("a divisor of num_attention_heads, {}", c.heads));
  }
}

int read_head_dim(const ConfigJson& json, const ModelConfig& c) {
  if (!json.has("head_dim") && c.width % c.heads != 0) {
    json.refuse_value(
        "hidden_size",
        fmt::format("a multiple of num_attention_heads, {}", c.heads));
  }
  const int dim = json.integer_or("head_dim", c.width / c.heads, 1, 4096);
  if (dim % 2 != 0) {
    json.refuse("head_dim", fmt::format("is {}, expected an even number", dim));
  }
  if (int64_t{c.heads} * dim > kMostJoinedWidth) {
    json.refuse(
        "head_dim", fmt::format(
                        "is {}, expected at most {} for {} heads", dim,
                        kMostJoinedWidth / c.heads, c.heads));
  }
  return dim;
}

int read_window(const ConfigJson& json) {
  return json.integer("sliding_window", 1, kMostPositions);
}

// Layers say themselves whether they slide. A Mistral that says nothing but has
// a window slides everywhere: its authors made it so, and transformers runs it
// so. mlx-lm, which takes it for a Llama, lets it see all positions; answers
// differ once a sequence is longer than the window.
std::vector<int> read_windows(const ConfigJson& json, const ModelConfig& c) {
  if (!json.has("layer_types")) {
    const bool slides = c.model_type == "mistral" && json.has("sliding_window");
    return std::vector<int>(c.layers, slides ? read_window(json) : 0);
  }
  std::vector<int> windows;
  for (const auto& type : json.texts("layer_types")) {
    if (type != "full_attention" && type != "sliding_attention") {
      json.refuse_value(
          "layer_types", "a list of full_attention and sliding_attention");
    }
    windows.push_back(type == "full_attention" ? 0 : read_window(json));
  }
  if (static_cast<int>(windows.size()) != c.layers) {
    json.refuse(
        "layer_types",
        fmt::format("has {} entries, expected {}", windows.size(), c.layers));
  }
  return windows;
}

} // namespace

ModelConfig ModelConfig::read(const ConfigJson& json) {
  ModelConfig c;
  c.model_type = json.text("model_type");
  read_sizes(json, c);
  c.head_dim = read_head_dim(json, c);
  c.norm_eps = static_cast<float>(json.number_or("rms_norm_eps", 1e-6, 0, 1));
  c.attention_bias = json.flag_or("attention_bias", false);
  c.mlp_bias = json.flag_or("mlp_bias", false);
  if (json.has("tie_word_embeddings")) {
    c.tied_head = json.flag_or("tie_word_embeddings", false);
  }
  if (json.text_or("hidden_act", "silu") != "silu") {
    json.refuse_value("hidden_act", "silu");
  }
  c.windows = read_windows(json, c);
  c.rope = RopeSpec::read(json, c.head_dim);
  c.quantization = Quantization::read(json);
  return c;
}

} // namespace parallm
