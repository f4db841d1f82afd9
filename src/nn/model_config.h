#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/config_json.h"
#include "nn/quantization.h"
#include "nn/rope_spec.h"

// Plain values and functions without state: any thread.
namespace parallm {

// config.json of a decoder with attention and a gated MLP, checked: every
// number is in range and fits the others. Constant.
struct ModelConfig {
  std::string model_type{};
  int width = 0; // E
  int layers = 0;
  int heads = 0;     // H
  int kv_heads = 0;  // G
  int head_dim = 0;  // D
  int mlp_width = 0; // F
  int vocab = 0;     // V
  int max_positions = 0;
  float norm_eps = 0;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::optional<bool> tied_head{}; // unset: tied if there is no lm_head
  std::vector<int> windows{};      // one a layer; 0: all earlier positions
  RopeSpec rope{};
  Quantization quantization{};

  // Throws StartError that names the key.
  static ModelConfig read(const ConfigJson& config);
};

} // namespace parallm
