#include "models/decoder.h"

#include <fmt/format.h>

#include <optional>
#include <variant>
#include <vector>

#include "models/gqa.h"
#include "models/mla.h"
#include "models/mlp.h"
#include "models/model_shape.h"
#include "models/moe.h"
#include "models/tidy.h"
#include "nn/embedding.h"

namespace parallm {
namespace {

using Attend = std::variant<Gqa, Mla>;
using FeedForward = std::variant<Mlp, Moe>;

mx::array scaled(const mx::array& x, float scale) {
  return scale == 1 ? x : x * mx::array(scale, x.dtype());
}

std::optional<Norm> take_norm(
    Checkpoint& ck,
    const std::string& at,
    const std::string& name,
    const ArchSpec& arch) {
  return name.empty()
             ? std::nullopt
             : std::optional<Norm>(
                   std::in_place, ck, at + name, arch.width, arch.norm);
}

mx::array normed(const std::optional<Norm>& norm, const mx::array& x) {
  return norm ? (*norm)(x) : x;
}

struct MakeAttend {
  Checkpoint& ck;
  const std::string& at;
  const ArchSpec& arch;
  int layer;
  Attend operator()(const GqaSpec& spec) const {
    return Gqa(ck, at, arch, spec, layer);
  }
  Attend operator()(const MlaSpec& spec) const {
    return Mla(ck, at, arch, spec, layer);
  }
};

struct MakeFeedForward {
  Checkpoint& ck;
  const std::string& at;
  const ArchSpec& arch;
  FeedForward operator()(const MlpSpec& spec) const {
    return Mlp(ck, at, arch, spec);
  }
  FeedForward operator()(const MoeSpec& spec) const {
    return Moe(ck, at, arch, spec);
  }
};

class Layer {
 public:
  Layer(Checkpoint& ck, const std::string& at, const ArchSpec& arch, int layer)
      : attention_norm_(take_norm(ck, at, arch.names.attention_norm, arch)),
        attended_norm_(take_norm(ck, at, arch.names.attended_norm, arch)),
        mlp_norm_(take_norm(ck, at, arch.names.mlp_norm, arch)),
        mlp_done_norm_(take_norm(ck, at, arch.names.mlp_done_norm, arch)),
        attend_(std::visit(
            MakeAttend{ck, at + arch.names.attention, arch, layer},
            arch.layers[layer].attention)),
        feed_forward_(std::visit(
            MakeFeedForward{ck, at + arch.names.mlp, arch},
            arch.layers[layer].feed_forward)),
        residual_scale_(arch.residual_scale),
        parallel_(arch.parallel) {}

  // (T, E) -> (T, E)
  mx::array operator()(const mx::array& x, StepContext& ctx) const {
    const auto read = normed(attention_norm_, x);
    const auto attended =
        scaled(normed(attended_norm_, attend(read, ctx)), residual_scale_);
    if (parallel_) {
      return x + attended + fed(mlp_norm_ ? (*mlp_norm_)(x) : read);
    }
    const auto h = x + attended;
    return h + fed(normed(mlp_norm_, h));
  }

 private:
  mx::array attend(const mx::array& x, StepContext& ctx) const {
    return std::visit([&](const auto& part) { return part(x, ctx); }, attend_);
  }

  mx::array fed(const mx::array& x) const {
    const auto y =
        std::visit([&](const auto& part) { return part(x); }, feed_forward_);
    return scaled(normed(mlp_done_norm_, y), residual_scale_);
  }

  std::optional<Norm> attention_norm_, attended_norm_;
  std::optional<Norm> mlp_norm_, mlp_done_norm_;
  Attend attend_;
  FeedForward feed_forward_;
  float residual_scale_;
  bool parallel_;
};

std::optional<Linear> take_head(Checkpoint& ck, const ArchSpec& arch) {
  const auto& name = arch.names.head;
  if (arch.tied_head.value_or(!ck.has(name + ".weight"))) {
    ck.drop([weight = name + ".weight"](const std::string& tensor) {
      return tensor == weight; // a copy of the embedding
    });
    return std::nullopt;
  }
  const auto bias = arch.head_bias ? Bias::kRequired : Bias::kNone;
  return Linear(ck, name, {arch.width, arch.vocab, bias}, arch.quantization);
}

class Decoder : public Model {
 public:
  Decoder(Checkpoint& ck, const ArchSpec& arch)
      : embedding_(
            ck,
            arch.names.embedding,
            arch.vocab,
            arch.width,
            arch.quantization),
        norm_(ck, arch.names.norm, arch.width, arch.norm),
        head_(take_head(ck, arch)),
        embedding_scale_(arch.embedding_scale),
        logit_scale_(arch.logit_scale),
        logit_softcap_(arch.logit_softcap),
        shape_(model_shape(arch, embedding_.dtype())) {
    for (int i = 0; i < shape_.layers; ++i) {
      const auto at = fmt::format(fmt::runtime(arch.names.layer), i);
      layers_.emplace_back(ck, at, arch, i);
    }
  }

  const ModelShape& shape() const override { return shape_; }

  mx::array hidden(const StepInput& in, StepContext& ctx) const override {
    auto x = scaled(embedding_(in.tokens), embedding_scale_);
    for (const auto& layer : layers_) {
      x = layer(x, ctx);
    }
    return x;
  }

  mx::array logits(const mx::array& rows) const override {
    const auto x = norm_(rows);
    const auto y = scaled(
        head_ ? (*head_)(x, mx::float32) : embedding_.scores(x), logit_scale_);
    return logit_softcap_ == 0
               ? y
               : logit_softcap_ * mx::tanh(y / mx::array(logit_softcap_));
  }

 private:
  Embedding embedding_; // (V, E)
  Norm norm_;
  std::optional<Linear> head_; // none: the embedding is the head
  std::vector<Layer> layers_;
  float embedding_scale_, logit_scale_, logit_softcap_;
  ModelShape shape_;
};

} // namespace

std::unique_ptr<Model> make_decoder(Checkpoint& ck, const ArchSpec& arch) {
  drop_suffix(ck, ".rotary_emb.inv_freq"); // old files store these
  for (const auto tidy : arch.tidy) {
    tidy(ck, arch);
  }
  return std::make_unique<Decoder>(ck, arch);
}

} // namespace parallm
