#include "models/decoder.h"

#include <fmt/format.h>

#include <optional>
#include <variant>
#include <vector>

#include "kernels/activation/activation.h"
#include "models/gated_delta.h"
#include "models/gqa.h"
#include "models/legacy_quantization.h"
#include "models/mamba2.h"
#include "models/mla.h"
#include "models/mlp.h"
#include "models/model_shape.h"
#include "models/moe.h"
#include "models/short_conv.h"
#include "models/tidy.h"
#include "nn/embedding.h"

namespace parallm {
namespace {

using Mixer = std::variant<Gqa, Mla, ShortConv, Mamba2, GatedDelta>;
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

ResidualRead read(const std::optional<Norm>& norm, const Residual& stream) {
  if (norm) {
    return norm->read(stream);
  }
  const auto x = sum(stream);
  return {x, x};
}

Addend addend(
    const std::optional<Norm>& norm, const mx::array& y, float scale) {
  return norm ? norm->addend(y, scale) : Addend{.y = y, .scale = scale};
}

// Where a layer's keys and values are, and its first state.
struct Place {
  int kv_layer = 0;
  int state = 0;
};

Place behind(const Place& place, const MixerPart& mixer) {
  return {
      place.kv_layer + (keeps_kv(mixer) ? 1 : 0),
      place.state + static_cast<int>(states_of(mixer).size())};
}

// Either part of a layer, or none where the spec says so.
struct MakeMixer {
  Checkpoint& ck;
  const std::string& at; // of the layer
  const ArchSpec& arch;
  const Place& place;

  std::optional<Mixer> operator()(const GqaSpec& spec) const {
    return Gqa(ck, at + arch.names.attention, arch, spec, place.kv_layer);
  }
  std::optional<Mixer> operator()(const MlaSpec& spec) const {
    return Mla(ck, at + arch.names.attention, arch, spec, place.kv_layer);
  }
  std::optional<Mixer> operator()(const ShortConvSpec& spec) const {
    return ShortConv(ck, at + arch.names.recurrent, arch, spec, place.state);
  }
  std::optional<Mixer> operator()(const Mamba2Spec& spec) const {
    return Mamba2(ck, at + arch.names.recurrent, arch, spec, place.state);
  }
  std::optional<Mixer> operator()(const GatedDeltaSpec& spec) const {
    return GatedDelta(ck, at + arch.names.recurrent, arch, spec, place.state);
  }
  std::optional<Mixer> operator()(std::monostate) const { return {}; }
};

struct MakeFeedForward {
  Checkpoint& ck;
  const std::string& at; // of the layer
  const ArchSpec& arch;

  std::optional<FeedForward> operator()(const MlpSpec& spec) const {
    return Mlp(ck, at + arch.names.mlp, arch, spec);
  }
  std::optional<FeedForward> operator()(const MoeSpec& spec) const {
    return Moe(ck, at + arch.names.mlp, arch, spec);
  }
  std::optional<FeedForward> operator()(std::monostate) const { return {}; }
};

// A mixer, a feed-forward part, or both, one after the other or side by side.
class Layer {
 public:
  Layer(
      Checkpoint& ck,
      const std::string& at,
      const ArchSpec& arch,
      const LayerSpec& spec,
      const Place& place)
      : mixer_(std::visit(MakeMixer{ck, at, arch, place}, spec.mixer)),
        feed_forward_(
            std::visit(MakeFeedForward{ck, at, arch}, spec.feed_forward)),
        residual_scale_(arch.residual_scale),
        parallel_(arch.parallel) {
    if (mixer_) {
      mixer_norm_ = take_norm(ck, at, arch.names.attention_norm, arch);
      mixed_norm_ = take_norm(ck, at, arch.names.attended_norm, arch);
    }
    if (feed_forward_) {
      mlp_norm_ = take_norm(ck, at, arch.names.mlp_norm, arch);
      mlp_done_norm_ = take_norm(ck, at, arch.names.mlp_done_norm, arch);
    }
  }

  Residual operator()(const Residual& stream, StepContext& ctx) const {
    return parallel_ ? beside(stream, ctx) : in_turn(stream, ctx);
  }

 private:
  Residual in_turn(const Residual& stream, StepContext& ctx) const {
    auto now = stream;
    if (mixer_) {
      const auto [x, normed] = read(mixer_norm_, now);
      now = {x, mixed(normed, ctx)};
    }
    if (feed_forward_) {
      const auto [x, normed] = read(mlp_norm_, now);
      now = {x, fed(normed)};
    }
    return now;
  }

  // Both parts read the same x.
  Residual beside(const Residual& stream, StepContext& ctx) const {
    const auto [x, normed] = read(mixer_norm_, stream);
    const auto y = fed(mlp_norm_ ? (*mlp_norm_)(x) : normed);
    return {sum({x, mixed(normed, ctx)}), y};
  }

  Addend mixed(const mx::array& x, StepContext& ctx) const {
    const auto y =
        std::visit([&](const auto& part) { return part(x, ctx); }, *mixer_);
    return addend(mixed_norm_, y, residual_scale_);
  }

  Addend fed(const mx::array& x) const {
    const auto y =
        std::visit([&](const auto& part) { return part(x); }, *feed_forward_);
    return addend(mlp_done_norm_, y, residual_scale_);
  }

  std::optional<Mixer> mixer_;
  std::optional<FeedForward> feed_forward_;
  std::optional<Norm> mixer_norm_, mixed_norm_;
  std::optional<Norm> mlp_norm_, mlp_done_norm_;
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
    Place place;
    for (const LayerSpec& layer : arch.layers) {
      const auto at =
          fmt::format(fmt::runtime(arch.names.layer), layers_.size());
      layers_.emplace_back(ck, at, arch, layer, place);
      place = behind(place, layer.mixer);
    }
  }

  const ModelShape& shape() const override { return shape_; }

  mx::array hidden(const StepInput& in, StepContext& ctx) const override {
    Residual stream{scaled(embedding_(in.tokens), embedding_scale_)};
    for (const auto& layer : layers_) {
      stream = layer(stream, ctx);
    }
    return sum(stream);
  }

  mx::array logits(const mx::array& rows) const override {
    const auto x = norm_(rows);
    const auto y = scaled(
        head_ ? (*head_)(x, mx::float32) : embedding_.scores(x), logit_scale_);
    return logit_softcap_ == 0 ? y : softcap(y, logit_softcap_);
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
  repack_legacy(ck, arch.quantization);
  drop_suffix(ck, ".rotary_emb.inv_freq"); // old files store these
  for (const auto tidy : arch.tidy) {
    tidy(ck, arch);
  }
  auto decoder = std::make_unique<Decoder>(ck, arch);
  drop_spare_biases(ck, arch.quantization);
  return decoder;
}

} // namespace parallm
