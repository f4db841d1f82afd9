#pragma once

#include <functional>
#include <random>
#include <vector>

#include "kernels/linear/linear.h"
#include "models/model.h"

namespace parallm {

// What a test does to the model while it runs; empty: nothing.
struct ToyTrouble {
  std::function<mx::array(const mx::array& hidden)> in_hidden{};
  std::function<mx::array(const mx::array& logits)> in_logits{};
};

// A random decoder with real attention over the real store: small, of awkward
// sizes, and its answers depend on every position before. The weights are
// those of the seed.
class ToyModel : public Model {
 public:
  static constexpr int kVocab = 61, kWidth = 24, kHeads = 4, kKvHeads = 2,
                       kHeadDim = 6, kLayers = 2, kPositions = 512;

  // Shared with the test, which changes its mind between steps.
  explicit ToyModel(
      std::shared_ptr<const ToyTrouble> trouble =
          std::make_shared<ToyTrouble>(),
      uint32_t seed = 5)
      : engine_(seed), trouble_(std::move(trouble)) {
    for (int i = 0; i < kLayers; ++i) {
      layers_.push_back(
          {normal(kHeads * kHeadDim, kWidth),
           normal(kKvHeads * kHeadDim, kWidth),
           normal(kKvHeads * kHeadDim, kWidth),
           normal(kWidth, kHeads * kHeadDim)});
    }
  }

  const ModelShape& shape() const override { return shape_; }

  mx::array hidden(const StepInput& in, StepContext& ctx) const override {
    mx::array x =
        mx::take(tokens_, in.tokens, 0) + mx::take(places_, in.positions, 0);
    const int count = x.shape(0);
    for (int i = 0; i < kLayers; ++i) {
      const Layer& layer = layers_[static_cast<size_t>(i)];
      const auto heads = [&](const mx::array& weight, int number) {
        return mx::reshape(
            product(x, weight), mx::Shape{count, number, kHeadDim});
      };
      const mx::array mixed = ctx.attention(
          {.layer = i, .scale = 0.5f}, heads(layer.q, kHeads),
          heads(layer.k, kKvHeads), heads(layer.v, kKvHeads));
      x = x +
          product(
              mx::reshape(mixed, mx::Shape{count, kHeads * kHeadDim}), layer.o);
      if (trouble_->in_hidden) {
        x = trouble_->in_hidden(x);
      }
    }
    return x;
  }

  mx::array logits(const mx::array& rows) const override {
    const mx::array logits = product(rows, head_);
    return trouble_->in_logits ? trouble_->in_logits(logits) : logits;
  }

 private:
  struct Layer {
    mx::array q, k, v, o;
  };

  static mx::array product(const mx::array& x, const mx::array& weight) {
    return linear(x, weight, std::nullopt, mx::float32);
  }

  mx::array normal(int rows, int columns) {
    std::normal_distribution<float> normal(0, 0.35f);
    std::vector<float> values(static_cast<size_t>(rows * columns));
    for (float& value : values) {
      value = normal(engine_);
    }
    return mx::array(values.begin(), mx::Shape{rows, columns}, mx::float32);
  }

  std::mt19937 engine_;
  std::shared_ptr<const ToyTrouble> trouble_;
  mx::array tokens_ = normal(kVocab, kWidth);
  mx::array places_ = normal(kPositions, kWidth);
  mx::array head_ = normal(kVocab, kWidth);
  std::vector<Layer> layers_;
  ModelShape shape_{
      .layers = kLayers,
      .kv_layers = kLayers,
      .kv_heads = kKvHeads,
      .head_dim = kHeadDim,
      .vocab = kVocab,
      .max_positions = kPositions};
};

inline KvGeometry toy_geometry(int blocks = 64, int block_tokens = 4) {
  return {
      .layers = ToyModel::kLayers,
      .blocks = blocks,
      .block_tokens = block_tokens,
      .kv_heads = ToyModel::kKvHeads,
      .head_dim = ToyModel::kHeadDim};
}

} // namespace parallm
