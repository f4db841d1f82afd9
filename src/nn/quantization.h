#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

#include "kernels/linear/quant_mode.h"
#include "nn/config_json.h"
#include "nn/safetensors_header.h"

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

// How others than MLX packed a checkpoint, as quantization_config tells, where
// its tensors must be repacked (models/legacy_quantization). The rest is seen
// by their names and shapes.
struct LegacyPacking {
  bool present = false;
  bool nibbles = false;   // AWQ and GPTQ: qweight, qzeros, scales
  bool any_order = false; // GPTQ's desc_act: g_idx names each input's group
  bool one_group = false; // GPTQ's group_size of -1: all inputs of an output
  int zero_offset = 1;    // GPTQ: what a stored zero point lacks
  std::array<int, 2> block{128, 128}; // F8: rows, columns of a scale
};

// The "quantization" block of config.json, or "quantization_config": one spec
// for the model, and others, or none, for single layers. Constant once read.
class Quantization {
 public:
  // A config without the block gives the empty value. Layers are found
  // by the paths that it has, and by these without `prefix`.
  static Quantization read(
      const ConfigJson& config, const std::string& prefix = "");

  bool present() const { return default_.has_value(); }

  const LegacyPacking& legacy() const { return legacy_; }

  // The model's own spec, "affine-4bit" or "mxfp4"; "" if there is none.
  std::string text() const;

  // How the layer at a path like "model.layers.0.mlp.up_proj" is packed; none
  // if it is dense. `packed` says whether the checkpoint has scales for it.
  std::optional<QuantSpec> spec(const std::string& path, bool packed) const;
  // The same for a layer with so many inputs. One without an entry is as its
  // shapes tell, which learn() saw, whatever the model's own spec is.
  std::optional<QuantSpec> spec(
      const std::string& path, bool packed, int inputs) const;

  // Looks at how a file of the checkpoint holds packed layers.
  void learn(const TensorFile& file);

 private:
  struct Seen {
    int64_t words = 0;  // of an output
    int64_t groups = 0; // of its inputs
    bool byte_scales = false;
  };

  static std::optional<QuantSpec> infer(const Seen& seen, int inputs);
  void read_method(const ConfigJson& block);

  std::optional<QuantSpec> default_{};
  LegacyPacking legacy_{};
  std::string prefix_{};
  std::map<std::string, Seen> seen_{};
  std::map<std::string, std::optional<QuantSpec>> layers_{};
};

} // namespace parallm
