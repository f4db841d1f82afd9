#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <vector>

#include "models/registry.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/rms_norm.h"
#include "nn/rope.h"

// Llama 1 to 3.2, Mistral, and what is built the same. Letters: T tokens of
// the step, E model width, H query heads, G key/value heads, D head width.
namespace parallm {
namespace {

class LlamaAttention {
 public:
  LlamaAttention(
      Checkpoint& ck, const std::string& at, const ModelConfig& c, int layer)
      : q_(ck,
           at + ".q_proj",
           {c.width, c.heads * c.head_dim, bias(c)},
           c.quantization),
        k_(ck,
           at + ".k_proj",
           {c.width, c.kv_heads * c.head_dim, bias(c)},
           c.quantization),
        v_(ck,
           at + ".v_proj",
           {c.width, c.kv_heads * c.head_dim, bias(c)},
           c.quantization),
        o_(ck,
           at + ".o_proj",
           {c.heads * c.head_dim, c.width, bias(c)},
           c.quantization),
        rope_(c.rope),
        heads_(c.heads),
        kv_heads_(c.kv_heads),
        head_dim_(c.head_dim),
        spec_{
            .layer = layer,
            .scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim)),
            .window = c.windows[layer]} {}

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const {
    const int tokens = x.shape(0);
    const auto q = mx::reshape(q_(x), {tokens, heads_, head_dim_});
    const auto k = mx::reshape(k_(x), {tokens, kv_heads_, head_dim_});
    const auto v = mx::reshape(v_(x), {tokens, kv_heads_, head_dim_});
    const auto mixed = ctx.attention(
        spec_, rope_(q, ctx.positions), rope_(k, ctx.positions), v);
    return o_(mx::reshape(mixed, {tokens, heads_ * head_dim_}));
  }

 private:
  static Bias bias(const ModelConfig& c) {
    return c.attention_bias ? Bias::kRequired : Bias::kNone;
  }

  Linear q_, k_, v_, o_;
  Rope rope_;
  int heads_, kv_heads_, head_dim_;
  AttentionSpec spec_;
};

class LlamaLayer {
 public:
  LlamaLayer(
      Checkpoint& ck, const std::string& at, const ModelConfig& c, int layer)
      : attention_norm_(ck, at + ".input_layernorm", c.width, c.norm_eps),
        mlp_norm_(ck, at + ".post_attention_layernorm", c.width, c.norm_eps),
        attention_(ck, at + ".self_attn", c, layer),
        mlp_(ck, at + ".mlp", c) {}

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const {
    const auto mixed = x + attention_(attention_norm_(x), ctx);
    return mixed + mlp_(mlp_norm_(mixed));
  }

 private:
  RmsNorm attention_norm_, mlp_norm_;
  LlamaAttention attention_;
  GatedMlp mlp_;
};

class Llama : public Model {
 public:
  Llama(Checkpoint& ck, const ModelConfig& c)
      : embedding_(ck, "model.embed_tokens", c.vocab, c.width, c.quantization),
        norm_(ck, "model.norm", c.width, c.norm_eps),
        head_(take_head(ck, c)),
        shape_{
            .layers = c.layers,
            .kv_heads = c.kv_heads,
            .head_dim = c.head_dim,
            .vocab = c.vocab,
            .max_positions = c.max_positions,
            .dtype = embedding_.dtype()} {
    for (int i = 0; i < c.layers; ++i) {
      layers_.emplace_back(ck, fmt::format("model.layers.{}", i), c, i);
    }
    ck.drop(".self_attn.rotary_emb.inv_freq"); // old files store these
  }

  const ModelShape& shape() const override { return shape_; }

  mx::array hidden(const StepInput& in, StepContext& ctx) const override {
    auto x = embedding_(in.tokens);
    for (const auto& layer : layers_) {
      x = layer(x, ctx);
    }
    return x;
  }

  mx::array logits(const mx::array& rows) const override {
    const auto x = norm_(rows);
    return head_ ? (*head_)(x, mx::float32) : embedding_.scores(x);
  }

 private:
  static std::optional<Linear> take_head(Checkpoint& ck, const ModelConfig& c) {
    if (c.tied_head.value_or(!ck.has("lm_head.weight"))) {
      ck.drop("lm_head.weight"); // a copy of the embedding
      return std::nullopt;
    }
    return Linear(ck, "lm_head", {c.width, c.vocab}, c.quantization);
  }

  Embedding embedding_; // (V, E)
  RmsNorm norm_;
  std::optional<Linear> head_; // none: the embedding is the head
  std::vector<LlamaLayer> layers_;
  ModelShape shape_;
};

} // namespace

std::unique_ptr<Model> make_llama(Checkpoint& ck, const ModelConfig& config) {
  return std::make_unique<Llama>(ck, config);
}

} // namespace parallm
