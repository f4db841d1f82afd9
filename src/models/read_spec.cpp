#include "models/read_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace parallm {
namespace {

// Far above any model. Where two of these are multiplied in an int, as heads
// and head_dim are, their product has a bound of its own.
constexpr int kMostWidth = 1 << 20;
constexpr int kMostLayers = 4096;
constexpr int kMostTaps = 1024;
constexpr int kMostPositions = 1 << 27;

struct Heads {
  int count = 0;
  int kv = 0;
  int dim = 0;
};

int read_head_dim(const ConfigJson& json, int width, int heads) {
  if (!json.has("head_dim") && width % heads != 0) {
    json.refuse_value(
        "hidden_size",
        fmt::format("a multiple of num_attention_heads, {}", heads));
  }
  const int dim = json.integer_or("head_dim", width / heads, 1, 4096);
  expect_joined_width(json, "head_dim", dim, heads);
  return dim;
}

Heads read_heads(const ConfigJson& json, int width) {
  Heads h;
  h.count = json.integer("num_attention_heads", 1, kMostWidth);
  h.kv = json.integer_or("num_key_value_heads", h.count, 1, h.count);
  if (h.count % h.kv != 0) {
    json.refuse_value(
        "num_key_value_heads",
        fmt::format("a divisor of num_attention_heads, {}", h.count));
  }
  h.dim = read_head_dim(json, width, h.count);
  return h;
}

int read_window(const ConfigJson& json) {
  return json.integer("sliding_window", 1, kMostPositions);
}

// By layer_types and sliding_window; 0 where all earlier positions are seen.
std::vector<int> read_windows(const ConfigJson& json, size_t layers) {
  if (!json.has("layer_types")) {
    return std::vector<int>(layers);
  }
  std::vector<int> windows;
  const auto seeing_all = layers_of_type(
      json, "layer_types", layers, "full_attention", "sliding_attention");
  for (const bool sees_all : seeing_all) {
    windows.push_back(sees_all ? 0 : read_window(json));
  }
  return windows;
}

void read_windows(const ConfigJson& json, ArchSpec& spec) {
  const auto windows = read_windows(json, spec.layers.size());
  for (size_t i = 0; i < windows.size(); ++i) {
    std::get<GqaSpec>(spec.layers[i].mixer).window = windows[i];
  }
}

} // namespace

void expect_text(
    const ConfigJson& json, const char* key, const char* expected) {
  if (json.text_or(key, expected) != expected) {
    json.refuse_value(key, expected);
  }
}

void expect_flag(const ConfigJson& json, const char* key, bool expected) {
  if (json.flag_or(key, expected) != expected) {
    json.refuse_value(key, expected ? "true" : "false");
  }
}

void expect_joined_width(
    const ConfigJson& json, const char* key, int width, int heads, int beside) {
  if (int64_t{heads} * (width + beside) > kMostJoinedWidth) {
    json.refuse(
        key, fmt::format(
                 "is {}, expected at most {} for {} heads", width,
                 std::max(0, kMostJoinedWidth / heads - beside), heads));
  }
}

int read_width(const ConfigJson& json, const char* key) {
  return json.integer(key, 1, kMostJoinedWidth);
}

GqaSpec read_gqa(const ConfigJson& json, int width, const SpecKeys& keys) {
  const Heads heads = read_heads(json, width);
  const bool bias = json.flag_or("attention_bias", false);
  return {
      .heads = heads.count,
      .kv_heads = heads.kv,
      .head_dim = heads.dim,
      .scale = 1.0f / std::sqrt(static_cast<float>(heads.dim)),
      .rope = read_rope(json, heads.dim, keys.rope),
      .qkv_bias = bias,
      .out_bias = bias};
}

std::vector<bool> layers_of_type(
    const ConfigJson& json,
    const char* key,
    size_t layers,
    const std::string& type,
    const std::string& other) {
  const auto types = json.texts(key);
  if (types.size() != layers) {
    json.refuse(
        key, fmt::format("has {} entries, expected {}", types.size(), layers));
  }
  std::vector<bool> of_type;
  for (const auto& found : types) {
    if (found != type && found != other) {
      json.refuse_value(key, fmt::format("a list of {} and {}", type, other));
    }
    of_type.push_back(found == type);
  }
  return of_type;
}

int read_taps(const ConfigJson& json, const char* key, int channels) {
  const int fitting = ConfigJson::kMost / channels + 1;
  return json.integer(key, 2, std::min(kMostTaps, fitting));
}

MlpSpec read_mlp(const ConfigJson& json) {
  return {
      .width = read_width(json, "intermediate_size"),
      .bias = json.flag_or("mlp_bias", false)};
}

ArchSpec read_frame(const ConfigJson& json, const SpecKeys& keys) {
  ArchSpec spec;
  spec.model_type = json.text_or("model_type", "");
  spec.width = json.integer("hidden_size", 1, kMostWidth);
  spec.layers.resize(json.integer("num_hidden_layers", 1, kMostLayers));
  spec.vocab = json.integer("vocab_size", 1, 1 << 26);
  spec.max_positions =
      json.integer_or("max_position_embeddings", 2048, 1, kMostPositions);
  spec.norm.eps = static_cast<float>(json.number_or(keys.norm_eps, 1e-6, 0, 1));
  if (json.has("tie_word_embeddings")) {
    spec.tied_head = json.flag_or("tie_word_embeddings", false);
  }
  if (keys.activation) {
    expect_text(json, "hidden_act", keys.activation);
  }
  spec.quantization = Quantization::read(json);
  return spec;
}

ArchSpec read_llama(const ConfigJson& json, const SpecKeys& keys) {
  ArchSpec spec = read_frame(json, keys);
  const LayerSpec layer{read_gqa(json, spec.width, keys), read_mlp(json)};
  spec.layers.assign(spec.layers.size(), layer);
  read_windows(json, spec);
  return spec;
}

MoeSpec read_moe(
    const ConfigJson& json, const char* experts_key, const char* width_key) {
  MoeSpec moe;
  moe.experts = json.integer(experts_key, 1, kMostWidth);
  moe.per_token = json.integer("num_experts_per_tok", 1, moe.experts);
  moe.width = read_width(json, width_key);
  return moe;
}

void slide_except(ArchSpec& spec, const ConfigJson& json, int period) {
  if (json.has("layer_types") || !json.has("sliding_window")) {
    return;
  }
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    if (period == 0 || (i + 1) % period != 0) {
      std::get<GqaSpec>(spec.layers[i].mixer).window = read_window(json);
    }
  }
}

void use_everywhere(ArchSpec& spec, const MoeSpec& moe) {
  for (auto& layer : spec.layers) {
    layer.feed_forward = moe;
  }
}

} // namespace parallm
