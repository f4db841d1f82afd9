#include "nn/quantization.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

const std::vector<int> kGroupSizes{32, 64, 128}; // of affine
const std::vector<int> kWidths{2, 3, 4, 5, 6, 8};
constexpr int kMostBlock = 1 << 16; // rows or columns that share a scale

bool is_one_of(const std::vector<int>& allowed, int64_t value) {
  return std::ranges::find(allowed, value) != allowed.end();
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
  if (!is_one_of(allowed, value)) {
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
        read_one_of(block, "group_size", kGroupSizes, spec.group_size);
    spec.bits = read_one_of(block, "bits", kWidths, spec.bits);
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

// mlx-lm looks into text_config last.
std::optional<ConfigJson> find_block(const ConfigJson& config) {
  for (const char* key : {"quantization", "quantization_config"}) {
    if (config.has(key)) {
      return config.object(key);
    }
  }
  if (config.is_object("text_config")) {
    const auto text = config.object("text_config");
    if (text.has("quantization_config")) {
      return text.object("quantization_config");
    }
  }
  return std::nullopt;
}

void expect_text(
    const ConfigJson& block,
    const std::string& key,
    const std::vector<std::string>& allowed) {
  const auto text = block.text_or(key, allowed.front());
  if (std::ranges::find(allowed, text) == allowed.end()) {
    block.refuse_value(key, fmt::format("{}", fmt::join(allowed, " or ")));
  }
}

void expect_nibbles(const ConfigJson& block, const std::string& bits) {
  if (block.integer_or(bits, 4, 1) != 4) {
    block.refuse_value(bits, "4");
  }
}

// AWQ, GPTQ and compressed-tensors; `bits` is the key's name.
QuantSpec read_nibbles(
    const ConfigJson& block, const std::string& bits, int group_size) {
  expect_nibbles(block, bits);
  return {
      read_one_of(block, "group_size", kGroupSizes, group_size), 4,
      QuantMode::kAffine};
}

QuantSpec read_awq(const ConfigJson& block, LegacyPacking& legacy) {
  expect_text(block, "version", {"gemm", "GEMM"});
  legacy.nibbles = true;
  return read_nibbles(block, "bits", 128);
}

// A group of all inputs becomes the largest that MLX has, all alike.
QuantSpec read_gptq_groups(const ConfigJson& block, LegacyPacking& legacy) {
  legacy.one_group = block.integer_or("group_size", 128, -1) == -1;
  if (!legacy.one_group) {
    return read_nibbles(block, "bits", 128);
  }
  expect_nibbles(block, "bits");
  return {kGroupSizes.back(), 4, QuantMode::kAffine};
}

// With desc_act neighbours share no scale: such a model becomes dense.
std::optional<QuantSpec> read_gptq(
    const ConfigJson& block, LegacyPacking& legacy) {
  expect_text(block, "checkpoint_format", {"gptq", "gptq_v2"});
  legacy.nibbles = true;
  legacy.any_order = block.flag_or("desc_act", false);
  legacy.zero_offset =
      block.text_or("checkpoint_format", "gptq") == "gptq" ? 1 : 0;
  const auto spec = read_gptq_groups(block, legacy);
  return legacy.any_order ? std::nullopt : std::optional(spec);
}

// A group's `weights`: whole numbers about zero, in groups of inputs.
QuantSpec read_packed_group(const ConfigJson& weights) {
  expect_text(weights, "type", {"int"});
  expect_text(weights, "strategy", {"group"});
  if (!weights.flag_or("symmetric", true)) {
    weights.refuse_value("symmetric", "true");
  }
  return read_nibbles(weights, "num_bits", 32);
}

QuantSpec read_pack_quantized(const ConfigJson& block) {
  if (!block.has("config_groups")) {
    return {32, 4, QuantMode::kAffine};
  }
  std::optional<QuantSpec> first;
  const auto groups = block.object("config_groups");
  for (const auto& key : groups.keys()) {
    const auto weights = groups.object(key).object("weights");
    const auto spec = read_packed_group(weights);
    if (first && first->group_size != spec.group_size) {
      weights.refuse_value(
          "group_size",
          fmt::format("{}, as in the first group", first->group_size));
    }
    first = spec;
  }
  return first.value_or(QuantSpec{32, 4, QuantMode::kAffine});
}

QuantSpec read_compressed(const ConfigJson& block) {
  const auto format = block.text("format");
  if (format == "pack-quantized") {
    return read_pack_quantized(block);
  }
  if (format == "mxfp4-pack-quantized") {
    return defaults_of(QuantMode::kMxfp4);
  }
  if (format == "nvfp4-pack-quantized") {
    return defaults_of(QuantMode::kNvfp4);
  }
  block.refuse_value(
      "format", "pack-quantized, mxfp4-pack-quantized or nvfp4-pack-quantized");
}

// Becomes dense.
void read_fp8(const ConfigJson& block, LegacyPacking& legacy) {
  expect_text(block, "fmt", {"e4m3", "float8_e4m3fn"});
  if (!block.has("weight_block_size")) {
    return;
  }
  const auto sizes = block.integers("weight_block_size", 1);
  if (sizes.size() != 2 || std::ranges::max(sizes) > kMostBlock) {
    block.refuse_value(
        "weight_block_size",
        fmt::format("two sizes of at most {}, as [128, 128]", kMostBlock));
  }
  legacy.block = {sizes[0], sizes[1]};
}

} // namespace

// How others than MLX packed a checkpoint.
void Quantization::read_method(const ConfigJson& block) {
  const auto method = block.text("quant_method");
  legacy_.present = true;
  if (method == "mxfp4") {
    default_ = defaults_of(QuantMode::kMxfp4);
  } else if (method == "mxfp8") {
    default_ = defaults_of(QuantMode::kMxfp8);
  } else if (method == "awq") {
    default_ = read_awq(block, legacy_);
  } else if (method == "gptq") {
    default_ = read_gptq(block, legacy_);
  } else if (method == "compressed-tensors") {
    default_ = read_compressed(block);
  } else if (method == "fp8") {
    read_fp8(block, legacy_);
  } else {
    block.refuse_value(
        "quant_method",
        "awq, gptq, compressed-tensors, fp8, mxfp4, mxfp8, or none, as in MLX "
        "checkpoints");
  }
}

Quantization Quantization::read(
    const ConfigJson& config, const std::string& prefix) {
  Quantization result;
  result.prefix_ = prefix;
  const auto block = find_block(config);
  if (!block) {
    return result;
  }
  if (block->has("quant_method")) {
    result.read_method(*block);
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

// As mlx-lm infers it. None: no form of MLX's has these shapes.
std::optional<QuantSpec> Quantization::infer(const Seen& seen, int inputs) {
  if (seen.groups < 1 || inputs % seen.groups != 0 ||
      seen.words * 32 % inputs != 0) {
    return std::nullopt;
  }
  const auto group_size = inputs / seen.groups;
  const auto bits = seen.words * 32 / inputs;
  for (const auto mode : kModes) {
    const bool affine = mode == QuantMode::kAffine;
    const auto fits =
        affine ? is_one_of(kGroupSizes, group_size) && is_one_of(kWidths, bits)
               : defaults_of(mode).group_size == group_size &&
                     defaults_of(mode).bits == bits;
    if (affine != seen.byte_scales && fits) {
      return QuantSpec{
          static_cast<int>(group_size), static_cast<int>(bits), mode};
    }
  }
  return std::nullopt;
}

std::optional<QuantSpec> Quantization::spec(
    const std::string& path, bool packed, int inputs) const {
  const auto usual = spec(path, packed);
  const auto seen = seen_.find(path);
  if (!usual || layers_.contains(path) || seen == seen_.end()) {
    return usual;
  }
  const auto inferred = infer(seen->second, inputs);
  return inferred ? inferred : usual;
}

void Quantization::learn(const TensorFile& file) {
  for (const auto& tensor : file.tensors) {
    const auto dot = tensor.name.rfind('.');
    if (dot == std::string::npos || tensor.shape.empty()) {
      continue;
    }
    const auto end = tensor.name.substr(dot);
    auto& seen = seen_[without_prefix(tensor.name.substr(0, dot), prefix_)];
    if (end == ".weight" && tensor.dtype == "U32") {
      seen.words = tensor.shape.back();
    } else if (end == ".scales") {
      seen.groups = tensor.shape.back();
      seen.byte_scales = dtype_of(tensor) == mx::uint8;
    }
  }
}

} // namespace parallm
