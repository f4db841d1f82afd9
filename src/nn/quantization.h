#pragma once

#include <map>
#include <optional>
#include <string>

#include "nn/config_json.h"

// Plain values and functions without state: any thread.
namespace parallm {

// How a weight is packed: affine, MLX's layout.
struct QuantSpec {
  int group_size = 64; // 32, 64 or 128
  int bits = 4;        // 4 or 8
};

// The "quantization" block of config.json: one spec for the model, and others,
// or none, for single layers. Constant once read.
class Quantization {
 public:
  // A config without the block gives the empty value.
  static Quantization read(const ConfigJson& config);

  bool present() const { return default_.has_value(); }
  int bits() const { return default_ ? default_->bits : 0; }

  // How the layer at a path like "model.layers.0.mlp.up_proj" is packed; none
  // if it is dense. `packed` says whether the checkpoint has scales for it.
  std::optional<QuantSpec> spec(const std::string& path, bool packed) const;

 private:
  std::optional<QuantSpec> default_{};
  std::map<std::string, std::optional<QuantSpec>> layers_{};
};

} // namespace parallm
