#include "nn/model_config.h"

#include <fmt/format.h>

namespace parallm {
namespace {

// Far above any model, low enough that products of two fit an int64.
constexpr int kMostWidth = 1 << 20;
constexpr int kMostLayers = 4096;
constexpr int kMostPositions = 1 << 27;
constexpr double kMostTheta = 1e12;
constexpr double kMostFactor = 1e6;

void read_sizes(const ConfigJson& json, ModelConfig& c) {
  c.width = json.integer("hidden_size", 1, kMostWidth);
  c.layers = json.integer("num_hidden_layers", 1, kMostLayers);
  c.heads = json.integer("num_attention_heads", 1, kMostWidth);
  c.kv_heads = json.integer_or("num_key_value_heads", c.heads, 1, c.heads);
  c.mlp_width = json.integer("intermediate_size", 1, kMostWidth * 16);
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
  return dim;
}

void read_scaling(const ConfigJson& json, RopeSpec& rope) {
  const std::string key = json.has("type") ? "type" : "rope_type";
  const std::string type = json.text_or(key, "default");
  if (type == "default") {
    return;
  }
  if (type != "linear" && type != "llama3") {
    json.refuse_value(key, "default, linear or llama3");
  }
  rope.factor = json.number("factor", 1e-6, kMostFactor);
  if (type == "linear") {
    rope.scaling = RopeSpec::Scaling::kLinear;
    return;
  }
  rope.scaling = RopeSpec::Scaling::kLlama3;
  rope.low_frequency_factor =
      json.number_or("low_freq_factor", 1, 1e-6, kMostFactor);
  rope.high_frequency_factor =
      json.number_or("high_freq_factor", 4, 1e-6, kMostFactor);
  if (rope.high_frequency_factor <= rope.low_frequency_factor) {
    json.refuse_value("high_freq_factor", "more than low_freq_factor");
  }
  rope.original_positions = json.integer_or(
      "original_max_position_embeddings", 8192, 1, kMostPositions);
}

// Newer files keep theta and scaling together in rope_parameters.
RopeSpec read_rope(const ConfigJson& json, int head_dim) {
  RopeSpec rope;
  rope.width = head_dim;
  rope.theta = json.number_or("rope_theta", 10000, 1e-3, kMostTheta);
  if (json.flag_or("rope_traditional", false)) {
    rope.pairs = RopePairs::kAdjacent;
  }
  if (json.number_or("partial_rotary_factor", 1, 0, 1) != 1) {
    json.refuse_value("partial_rotary_factor", "1");
  }
  if (json.has("rope_scaling")) {
    read_scaling(json.object("rope_scaling"), rope);
  } else if (json.has("rope_parameters")) {
    const auto parameters = json.object("rope_parameters");
    rope.theta =
        parameters.number_or("rope_theta", rope.theta, 1e-3, kMostTheta);
    read_scaling(parameters, rope);
  }
  return rope;
}

int read_window(const ConfigJson& json) {
  return json.integer("sliding_window", 1, kMostPositions);
}

// Layers say themselves whether they slide; a Mistral that says nothing but
// has a window slides everywhere.
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
  c.rope = read_rope(json, c.head_dim);
  c.quantization = Quantization::read(json);
  return c;
}

} // namespace parallm
