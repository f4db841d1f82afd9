#pragma once

#include <map>
#include <optional>
#include <string>

#include "kernels/linear/quant_mode.h"
#include "nn/config_json.h"

// Plain values and functions without state: any thread.
namespace parallm {

// How a weight is packed, in MLX's layout:
//   affine  groups of 32, 64 or 128; 2, 3, 4, 5, 6 or 8 bits
//   mxfp4   32, 4
//   nvfp4   16, 4
//   mxfp8   32, 8
struct QuantSpec {
  int group_size = 64;
  int bits = 4;
  QuantMode mode = QuantMode::kAffine;
};

// The "quantization" block of config.json: one spec for the model, and others,
// or none, for single layers. Constant once read.
class Quantization {
 public:
  // A config without the block gives the empty value. Layers are found
  // by the paths that it has, and by these without `prefix`.
  static Quantization read(
      const ConfigJson& config, const std::string& prefix = "");

  bool present() const { return default_.has_value(); }

  // The model's own spec, "affine-4bit" or "mxfp4"; "" if there is none.
  std::string text() const;

  // How the layer at a path like "model.layers.0.mlp.up_proj" is packed; none
  // if it is dense. `packed` says whether the checkpoint has scales for it.
  std::optional<QuantSpec> spec(const std::string& path, bool packed) const;

 private:
  std::optional<QuantSpec> default_{};
  std::map<std::string, std::optional<QuantSpec>> layers_{};
};

} // namespace parallm
