#include "nn/quantization.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace parallm {
namespace {

constexpr QuantMode kModes[] = {
    QuantMode::kAffine, QuantMode::kMxfp4, QuantMode::kNvfp4,
    QuantMode::kMxfp8};

// What MLX fills in; of the modes that are not affine there is no other.
constexpr QuantSpec defaults_of(QuantMode mode) {
  switch (mode) {
    case QuantMode::kAffine:
      return {64, 4, mode};
    case QuantMode::kMxfp4:
      return {32, 4, mode};
    case QuantMode::kNvfp4:
      return {16, 4, mode};
    case QuantMode::kMxfp8:
      break;
  }
  return {32, 8, mode};
}

QuantMode read_mode(const ConfigJson& block) {
  const std::string text = block.text_or("mode", "affine");
  for (const auto mode : kModes) {
    if (text == name_of(mode)) {
      return mode;
    }
  }
  block.refuse_value("mode", "affine, mxfp4, nvfp4 or mxfp8");
}

// "32, 64 or 128"
std::string listing(const std::vector<int>& values) {
  std::string text = fmt::format("{}", values.front());
  for (size_t i = 1; i < values.size(); ++i) {
    text +=
        fmt::format("{}{}", i + 1 == values.size() ? " or " : ", ", values[i]);
  }
  return text;
}

int read_one_of(
    const ConfigJson& block,
    const std::string& key,
    const std::vector<int>& allowed,
    int fallback) {
  const int value = block.integer_or(key, fallback, 1);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    block.refuse_value(key, listing(allowed));
  }
  return value;
}

void expect_only(
    const ConfigJson& block,
    const std::string& key,
    int allowed,
    QuantMode mode) {
  if (block.integer_or(key, allowed, 1) != allowed) {
    block.refuse_value(
        key, fmt::format("{}, as the mode is {}", allowed, name_of(mode)));
  }
}

// What is left out is MLX's default of the mode, in a layer's entry too: that
// takes over nothing from the model's.
QuantSpec read_spec(const ConfigJson& block) {
  QuantSpec spec = defaults_of(read_mode(block));
  if (spec.mode == QuantMode::kAffine) {
    spec.group_size =
        read_one_of(block, "group_size", {32, 64, 128}, spec.group_size);
    spec.bits = read_one_of(block, "bits", {2, 3, 4, 5, 6, 8}, spec.bits);
  } else {
    expect_only(block, "group_size", spec.group_size, spec.mode);
    expect_only(block, "bits", spec.bits, spec.mode);
  }
  return spec;
}

// An object, true for the model's own spec, or false for none.
std::optional<QuantSpec> read_layer(
    const ConfigJson& block,
    const std::string& key,
    const std::optional<QuantSpec>& usual) {
  if (block.is_object(key)) {
    return read_spec(block.object(key));
  }
  return block.flag_or(key, false) ? usual : std::nullopt;
}

std::string without_prefix(const std::string& key, const std::string& prefix) {
  return key.starts_with(prefix) ? key.substr(prefix.size()) : key;
}

std::optional<ConfigJson> find_block(const ConfigJson& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    if (config.has(key)) {
      return config.object(key);
    }
  }
  return std::nullopt;
}

// How others than MLX packed a checkpoint.
QuantSpec read_method(const ConfigJson& block) {
  if (block.text("quant_method") != "mxfp4") {
    block.refuse_value("quant_method", "mxfp4, or none, as in MLX checkpoints");
  }
  return defaults_of(QuantMode::kMxfp4);
}

} // namespace

Quantization Quantization::read(
    const ConfigJson& config, const std::string& prefix) {
  Quantization result;
  const auto block = find_block(config);
  if (!block) {
    return result;
  }
  if (block->has("quant_method")) {
    result.default_ = read_method(*block);
    return result;
  }
  block->integer("group_size", 1);
  block->integer("bits", 1);
  result.default_ = read_spec(*block);
  for (const auto& key : block->keys()) {
    if (block->is_object(key) || block->is_flag(key)) {
      const auto spec = read_layer(*block, key, result.default_);
      result.layers_[key] = spec;
      result.layers_[without_prefix(key, prefix)] = spec;
    }
  }
  return result;
}

std::string Quantization::text() const {
  if (!default_) {
    return "";
  }
  return default_->mode == QuantMode::kAffine
             ? fmt::format("affine-{}bit", default_->bits)
             : name_of(default_->mode);
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
