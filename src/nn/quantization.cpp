#include "nn/quantization.h"

namespace parallm {
namespace {

QuantSpec read_spec(const ConfigJson& block, const QuantSpec& fallback) {
  if (block.text_or("mode", "affine") != "affine") {
    block.refuse_value("mode", "affine");
  }
  QuantSpec spec;
  spec.group_size = block.integer_or("group_size", fallback.group_size, 1);
  spec.bits = block.integer_or("bits", fallback.bits, 1);
  if (spec.group_size != 32 && spec.group_size != 64 &&
      spec.group_size != 128) {
    block.refuse_value("group_size", "32, 64 or 128");
  }
  if (spec.bits != 4 && spec.bits != 8) {
    block.refuse_value("bits", "4 or 8");
  }
  return spec;
}

std::optional<ConfigJson> find_block(const ConfigJson& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    if (config.has(key)) {
      const auto block = config.object(key);
      if (block.has("quant_method")) {
        block.refuse_value("quant_method", "an MLX checkpoint, without it");
      }
      return block;
    }
  }
  return std::nullopt;
}

} // namespace

Quantization Quantization::read(const ConfigJson& config) {
  Quantization result;
  const auto block = find_block(config);
  if (!block) {
    return result;
  }
  block->integer("group_size", 1);
  block->integer("bits", 1);
  result.default_ = read_spec(*block, {});
  for (const auto& key : block->keys()) {
    if (block->is_object(key)) {
      result.layers_[key] = read_spec(block->object(key), *result.default_);
    } else if (block->is_flag(key)) {
      result.layers_[key] =
          block->flag_or(key, false) ? result.default_ : std::nullopt;
    }
  }
  return result;
}

std::optional<QuantSpec> Quantization::spec(
    const std::string& path, bool packed) const {
  if (!default_) {
    return std::nullopt;
  }
  const auto found = layers_.find(path);
  if (found != layers_.end()) {
    return found->second;
  }
  return packed ? default_ : std::nullopt;
}

} // namespace parallm
