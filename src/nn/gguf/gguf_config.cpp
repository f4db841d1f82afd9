#include "nn/gguf/gguf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>

#include "nn/gguf/gguf_architecture.h"
#include "nn/gguf/gguf_blocks.h"
#include "nn/gguf/gguf_keys.h"
#include "nn/gguf/gguf_names.h"
#include "nn/gguf/gguf_rope.h"
#include "nn/gguf/gguf_vocabulary.h"

namespace parallm {
namespace {

namespace json = boost::json;

// Far above any model; the family's reader has bounds of its own.
constexpr int64_t kMost = 1 << 30;
constexpr double kMostNumber = 1e12;

// What may stand behind the architecture's name.
constexpr const char* kKnown[] = {
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "vocab_size",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_rms_epsilon",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "tensor_data_layout",
    "expert_count",
    "expert_used_count"};

// The order of queries and keys that gguf_checkpoint undoes, as older
// converters name it.
constexpr const char* kLayout = "Meta AI original pth";

constexpr const char* kSharedWidth = "expert_shared_feed_forward_length";

class ConfigMaker {
 public:
  explicit ConfigMaker(const GgufFile& file)
      : file_(file), keys_(file), architecture_(gguf_architecture(keys_)) {}

  ConfigJson make() {
    expect_known();
    config_["model_type"] = architecture_.model_type;
    read_sizes();
    read_experts();
    read_heads();
    read_numbers();
    read_rope();
    read_tensors();
    read_end_tokens();
    return ConfigJson::parse(file_.path.string(), json::serialize(config_));
  }

 private:
  std::string key(std::string_view name) const {
    return fmt::format("{}.{}", architecture_.name, name);
  }

  bool has_setting(const std::string& name) const {
    return keys_.has(key(name));
  }

  int64_t integer(std::string_view name) const {
    return keys_.integer(key(name), 1, kMost);
  }

  // One part of several, and what nobody here reads.
  void expect_known() const {
    // Converters write its width even where there is no shared expert.
    if (has_setting(kSharedWidth) && !is_width(kSharedWidth)) {
      keys_.integer(key(kSharedWidth), 0, 0);
    }
    if (keys_.has("split.count")) {
      keys_.integer("split.count", 0, 1);
    }
    const std::string layout = key("tensor_data_layout");
    if (keys_.has(layout) && keys_.text(layout) != kLayout) {
      keys_.refuse(
          layout,
          fmt::format("is {}, expected {}", keys_.text(layout), kLayout));
    }
    for (const auto& [name, value] : file_.metadata) {
      if (!name.starts_with(key(""))) {
        continue;
      }
      if (!is_known(name.substr(key("").size()))) {
        keys_.refuse(name, "is not a known setting");
      }
    }
  }

  bool is_width(std::string_view setting) const {
    const auto& widths = architecture_.widths;
    return std::ranges::find(widths, setting, &GgufWidth::setting) !=
           widths.end();
  }

  bool is_known(std::string_view setting) const {
    return std::ranges::find(kKnown, setting) != std::end(kKnown) ||
           setting == kSharedWidth || is_width(setting);
  }

  void read_sizes() {
    config_["hidden_size"] = integer("embedding_length");
    config_["intermediate_size"] = integer("feed_forward_length");
    config_["num_hidden_layers"] = integer("block_count");
    config_["max_position_embeddings"] = integer("context_length");
    const GgufTensor* embedding = file_.find("token_embd.weight");
    if (!embedding || embedding->shape.size() != 2) {
      keys_.refuse("tensor token_embd.weight", "is missing, or no matrix");
    }
    config_["vocab_size"] = embedding->shape[0];
  }

  void read_experts() {
    if (!architecture_.has_experts()) {
      if (has_setting("expert_used_count")) {
        keys_.integer(key("expert_used_count"), 0, 0);
      }
      return;
    }
    const int64_t count = integer("expert_count");
    config_[architecture_.count_key] = count;
    config_["num_experts_per_tok"] =
        keys_.integer(key("expert_used_count"), 1, count);
    config_["norm_topk_prob"] = architecture_.normalizes;
    for (const auto& width : architecture_.widths) {
      config_[width.key] = integer(width.setting);
    }
  }

  void read_heads() {
    const int64_t heads = integer("attention.head_count");
    config_["num_attention_heads"] = heads;
    if (has_setting("attention.head_count_kv")) {
      config_["num_key_value_heads"] = integer("attention.head_count_kv");
    }
    head_dim_ = integer("embedding_length") / heads;
    if (has_setting("attention.key_length")) {
      head_dim_ = integer("attention.key_length");
      config_["head_dim"] = head_dim_;
    }
    for (const char* name :
         {"attention.value_length", "rope.dimension_count"}) {
      if (has_setting(name)) {
        keys_.integer(key(name), head_dim_, head_dim_);
      }
    }
  }

  void read_numbers() {
    config_["rms_norm_eps"] =
        keys_.number(key("attention.layer_norm_rms_epsilon"), 0, 1);
    config_["rope_theta"] =
        has_setting("rope.freq_base")
            ? keys_.number(key("rope.freq_base"), 1e-3, kMostNumber)
            : 10000;
  }

  void read_rope() {
    const auto scaling =
        gguf_rope_scaling(file_, std::string(architecture_.name), head_dim_);
    if (!scaling.empty()) {
      config_["rope_scaling"] = scaling;
    }
  }

  bool has(const char* tensor) const { return file_.find(tensor) != nullptr; }

  void read_tensors() {
    config_["tie_word_embeddings"] = !has("output.weight");
    config_["attention_bias"] =
        has("blk.0.attn_q.bias") && architecture_.name == "llama";
    config_["mlp_bias"] = has("blk.0.ffn_up.bias");
    std::map<std::string, int> packed;
    for (const auto& tensor : file_.tensors) {
      const std::string module = module_of(tensor);
      if (is_packed(tensor.type)) {
        packed[module] = info_of(tensor.type).bits;
      }
    }
    if (!packed.empty()) {
      config_["quantization"] = quantization(packed);
    }
  }

  std::string module_of(const GgufTensor& tensor) const {
    const std::string name =
        checkpoint_name(tensor.name, architecture_.experts);
    if (name.empty() && tensor.name != kRopeFactors) {
      keys_.refuse("tensor " + tensor.name, "is not known");
    }
    if (is_packed(tensor.type) &&
        (tensor.shape.size() < 2 || !name.ends_with(".weight"))) {
      keys_.refuse(
          "tensor " + tensor.name,
          fmt::format(
              "is packed as {}, expected a matrix", info_of(tensor.type).name));
    }
    return name.substr(0, name.rfind('.'));
  }

  static int usual_bits(const std::map<std::string, int>& packed) {
    std::map<int, int> modules;
    for (const auto& [module, bits] : packed) {
      ++modules[bits];
    }
    return std::ranges::max_element(
               modules, {}, [](const auto& each) { return each.second; })
        ->first;
  }

  // The width of most modules is the model's; the others are named.
  static json::object quantization(const std::map<std::string, int>& packed) {
    const int usual = usual_bits(packed);
    json::object all{{"group_size", kGgufGroup}, {"bits", usual}};
    for (const auto& [module, bits] : packed) {
      if (bits != usual) {
        all[module] = json::object{{"group_size", kGgufGroup}, {"bits", bits}};
      }
    }
    return all;
  }

  void read_end_tokens() {
    const auto ids = end_tokens(keys_);
    if (!ids.empty()) {
      config_["eos_token_id"] = json::array(ids.begin(), ids.end());
    }
  }

  const GgufFile& file_;
  GgufKeys keys_;
  const GgufArchitecture& architecture_;
  json::object config_{};
  int64_t head_dim_ = 0;
};

} // namespace

ConfigJson gguf_config(const GgufFile& file) {
  return ConfigMaker(file).make();
}

} // namespace parallm
