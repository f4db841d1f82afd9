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

constexpr std::string_view kLayer = "blk.";

template <class Table>
std::string_view find(const Table& table, std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Pair::first);
  return found == std::end(table) ? std::string_view() : found->second;
}

// "0.attn_q" -> "model.layers.0.self_attn.q_proj"
std::string layer_module(std::string_view rest) {
  const size_t dot = rest.find('.');
  const auto number = rest.substr(0, dot);
  if (dot == rest.npos || number.empty() || number.size() > 6 ||
      number.find_first_not_of("0123456789") != number.npos) {
    return "";
  }
  const auto module = find(kLayerModules, rest.substr(dot + 1));
  return module.empty() ? ""
                        : "model.layers." + std::string(number) + "." +
                              std::string(module);
}

bool is_of(const std::string& name, std::string_view module) {
  return name.starts_with(kLayer) &&
         (name.ends_with(std::string(module) + ".weight") ||
          name.ends_with(std::string(module) + ".bias"));
}

} // namespace

std::string checkpoint_name(const std::string& gguf_name) {
  const std::string_view name = gguf_name;
  const size_t dot = name.rfind('.');
  const auto tensor = dot == name.npos ? "" : name.substr(dot);
  if (tensor != ".weight" && tensor != ".bias") {
    return "";
  }
  const auto stem = name.substr(0, dot);
  const std::string module = stem.starts_with(kLayer)
                                 ? layer_module(stem.substr(kLayer.size()))
                                 : std::string(find(kModules, stem));
  return module.empty() ? "" : module + std::string(tensor);
}

bool is_query(const std::string& gguf_name) {
  return is_of(gguf_name, ".attn_q");
}

bool is_key(const std::string& gguf_name) {
  return is_of(gguf_name, ".attn_k");
}

} // namespace parallm
