#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "models/read_router.h"
#include "models/read_spec.h"
#include "models/registry.h"
#include "models/tidy.h"
#include "nn/checkpoint.h"

// DeepSeek 2 and 3, Kimi K2: latent attention, and experts in all layers but
// the first ones; GLM 4 MoE: the same experts with grouped-query attention.
namespace parallm {
namespace {

constexpr int kMostHeadWidth = 1 << 16;

MlaSpec read_mla(const ConfigJson& json) {
  const auto width = [&](const char* key) {
    return json.integer(key, 1, kMostHeadWidth);
  };
  MlaSpec a;
  a.heads = width("num_attention_heads");
  a.query_rank = json.integer_or("q_lora_rank", 0, 0, kMostHeadWidth);
  a.latent = width("kv_lora_rank");
  a.rope_width = width("qk_rope_head_dim");
  a.plain_width = width("qk_nope_head_dim");
  a.value_width = width("v_head_dim");
  expect_joined_width(json, "qk_rope_head_dim", a.rope_width, a.heads);
  expect_joined_width(
      json, "qk_nope_head_dim", a.plain_width, a.heads, a.rope_width);
  expect_joined_width(json, "kv_lora_rank", a.latent, a.heads, a.rope_width);
  expect_joined_width(json, "v_head_dim", a.value_width, a.heads);
  a.bias = json.flag_or("attention_bias", false);
  a.rope = read_rope(json, a.rope_width);
  a.rope.pairs = RopePairs::kAdjacent;
  a.scale = static_cast<float>(
      a.rope.score_scale / std::sqrt(a.plain_width + a.rope_width));
  return a;
}

// The experts that every token visits are one MLP of their joined width.
MoeSpec read_experts(const ConfigJson& json) {
  MoeSpec moe = read_moe(json, "n_routed_experts", "moe_intermediate_size");
  const int shared = json.integer_or(
      "n_shared_experts", 0, 0,
      std::min(moe.experts, kMostJoinedWidth / moe.width));
  if (shared > 0) {
    moe.shared = MlpSpec{.width = shared * moe.width};
  }
  return moe;
}

MoeSpec read_balanced_experts(const ConfigJson& json) {
  expect_text(json, "topk_method", "noaux_tc");
  expect_text(json, "scoring_func", "sigmoid");
  MoeSpec moe = read_experts(json);
  read_balanced_router(json, moe);
  return moe;
}

void place_experts(ArchSpec& spec, const ConfigJson& json, const MoeSpec& moe) {
  const int first = json.integer_or("first_k_dense_replace", 0, 0);
  const int period = json.integer_or("moe_layer_freq", 1, 1);
  for (int i = first; i < static_cast<int>(spec.layers.size()); ++i) {
    if (i % period == 0) {
      spec.layers[i].feed_forward = moe;
    }
  }
  spec.names.shared = "shared_experts.";
}

ArchSpec read_latent_decoder(const ConfigJson& json, const MoeSpec& moe) {
  ArchSpec spec = read_frame(json);
  spec.layers.assign(spec.layers.size(), {read_mla(json), read_mlp(json)});
  place_experts(spec, json, moe);
  return spec;
}

void expect_groups(
    const Checkpoint& ck,
    const std::string& module,
    int columns,
    const QuantSpec& packing) {
  if (columns % packing.group_size != 0) {
    ck.refuse(
        module + ".weight",
        fmt::format(
            "has {} inputs, expected a multiple of the group size {}", columns,
            packing.group_size));
  }
}

// A matrix (rows, columns) as numbers, however the checkpoint has it.
mx::array pull_matrix(
    Checkpoint& ck,
    const std::string& module,
    int rows,
    int columns,
    const Quantization& quantization) {
  const auto packing =
      quantization.spec(module, ck.has(module + ".scales"), columns);
  if (!packing) {
    return ck.pull(module + ".weight", {rows, columns});
  }
  expect_groups(ck, module, columns, *packing);
  const auto packed =
      ck.pull_packed(module + ".weight", {rows, columns * packing->bits / 32});
  const mx::Shape groups{rows, columns / packing->group_size};
  if (packing->mode != QuantMode::kAffine) {
    return mx::dequantize(
        packed, ck.pull_bytes(module + ".scales", groups), std::nullopt,
        packing->group_size, packing->bits, name_of(packing->mode));
  }
  return mx::dequantize(
      packed, ck.pull(module + ".scales", groups),
      ck.pull(module + ".biases", groups), packing->group_size, packing->bits);
}

// kv_b_proj takes a latent up to the plain part of each head's key, and to its
// value. Absorbed, the first takes queries down instead. Packed, both become
// dense: a transposed group is no group.
void absorb(
    Checkpoint& ck,
    const std::string& at,
    const MlaSpec& a,
    const Quantization& quantization) {
  const auto from = at + "kv_b_proj";
  if (!ck.has(from + ".weight")) {
    return;
  }
  const int rows = a.heads * (a.plain_width + a.value_width);
  const auto up = pull_matrix(ck, from, rows, a.latent, quantization);
  const auto heads = mx::reshape(up, {a.heads, -1, a.latent});
  const auto parts = mx::split(heads, mx::Shape{a.plain_width}, 1);
  ck.put(at + "embed_q.weight", mx::swapaxes(parts[0], 1, 2));
  ck.put(at + "unembed_out.weight", parts[1]);
}

void tidy_experts(Checkpoint& ck, const ArchSpec& spec) {
  leave_out_layers_from(ck, spec.layers.size(), kGuessesAhead);
  stack_experts(ck, spec, "mlp.", {"gate_proj", "up_proj", "down_proj"});
}

void tidy_latent_decoder(Checkpoint& ck, const ArchSpec& spec) {
  tidy_experts(ck, spec);
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    absorb(
        ck, fmt::format("model.layers.{}.self_attn.", i),
        std::get<MlaSpec>(spec.layers[i].mixer), spec.quantization);
  }
}

} // namespace

ArchSpec read_deepseek_v2(const ConfigJson& json) {
  expect_text(json, "scoring_func", "softmax");
  MoeSpec moe = read_experts(json);
  moe.router.scale = read_routed_scale(json);
  if (json.text_or("topk_method", "greedy") == "group_limited_greedy") {
    read_groups(json, moe);
  }
  ArchSpec spec = read_latent_decoder(json, moe);
  spec.tidy = {tidy_latent_decoder};
  return spec;
}

ArchSpec read_deepseek_v3(const ConfigJson& json) {
  ArchSpec spec = read_latent_decoder(json, read_balanced_experts(json));
  spec.tidy = {tidy_latent_decoder};
  return spec;
}

ArchSpec read_glm4_moe(const ConfigJson& json) {
  ArchSpec spec = read_llama(json);
  const bool norms = json.flag_or("use_qk_norm", false);
  each_gqa(spec, [&](GqaSpec& a) {
    a.out_bias = false;
    a.qk_norm = norms ? QkNorm::kHead : QkNorm::kNone;
  });
  place_experts(spec, json, read_balanced_experts(json));
  spec.tidy = {tidy_experts};
  return spec;
}

} // namespace parallm
