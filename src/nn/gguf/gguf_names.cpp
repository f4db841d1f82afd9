#include "nn/gguf/gguf_names.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

namespace parallm {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kModules[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"}};

constexpr Pair kLayerModules[] = {{"attn_norm", "input_layernorm"},
                                  {"attn_q", "self_attn.q_proj"},
                                  {"attn_k", "self_attn.k_proj"},
                                  {"attn_v", "self_attn.v_proj"},
                                  {"attn_output", "self_attn.o_proj"},
                                  {"attn_q_norm", "self_attn.q_norm"},
                                  {"attn_k_norm", "self_attn.k_norm"},
                                  {"ffn_norm", "post_attention_layernorm"},
                                  {"ffn_gate", "mlp.gate_proj"},
                                  {"ffn_up", "mlp.up_proj"},
                                  {"ffn_down", "mlp.down_proj"}};

// Behind what the architecture's modules with experts begin with.
constexpr Pair kExpertModules[] = {
    {"ffn_gate_inp", "gate"},
    {"ffn_gate_exps", "switch_mlp.gate_proj"},
    {"ffn_up_exps", "switch_mlp.up_proj"},
    {"ffn_down_exps", "switch_mlp.down_proj"},
    {"ffn_gate_inp_shexp", "shared_expert_gate"},
    {"ffn_gate_shexp", "shared_expert.gate_proj"},
    {"ffn_up_shexp", "shared_expert.up_proj"},
    {"ffn_down_shexp", "shared_expert.down_proj"}};

constexpr std::string_view kLayer = "blk.";

template <class Table>
std::string_view find(const Table& table, std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Pair::first);
  return found == std::end(table) ? std::string_view() : found->second;
}

// "attn_q" -> "self_attn.q_proj"
std::string module_in_layer(std::string_view name, std::string_view experts) {
  const auto of_experts = find(kExpertModules, name);
  if (experts.empty() || of_experts.empty()) {
    return std::string(find(kLayerModules, name));
  }
  return std::string(experts) + std::string(of_experts);
}

// "0.attn_q" -> "model.layers.0.self_attn.q_proj"
std::string layer_module(std::string_view rest, std::string_view experts) {
  const size_t dot = rest.find('.');
  const auto number = rest.substr(0, dot);
  if (dot == rest.npos || number.empty() || number.size() > 6 ||
      number.find_first_not_of("0123456789") != number.npos) {
    return "";
  }
  const auto module = module_in_layer(rest.substr(dot + 1), experts);
  return module.empty() ? ""
                        : "model.layers." + std::string(number) + "." + module;
}

bool is_of(const std::string& name, std::string_view module) {
  return name.starts_with(kLayer) &&
         (name.ends_with(std::string(module) + ".weight") ||
          name.ends_with(std::string(module) + ".bias"));
}

} // namespace

std::string checkpoint_name(
    const std::string& gguf_name, std::string_view experts) {
  const std::string_view name = gguf_name;
  const size_t dot = name.rfind('.');
  const auto tensor = dot == name.npos ? "" : name.substr(dot);
  if (tensor != ".weight" && tensor != ".bias") {
    return "";
  }
  const auto stem = name.substr(0, dot);
  const std::string module =
      stem.starts_with(kLayer)
          ? layer_module(stem.substr(kLayer.size()), experts)
          : std::string(find(kModules, stem));
  return module.empty() ? "" : module + std::string(tensor);
}

bool is_query(const std::string& gguf_name) {
  return is_of(gguf_name, ".attn_q");
}

bool is_key(const std::string& gguf_name) {
  return is_of(gguf_name, ".attn_k");
}

bool is_shared_gate(const std::string& gguf_name) {
  return is_of(gguf_name, ".ffn_gate_inp_shexp");
}

} // namespace parallm
