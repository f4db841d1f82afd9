#include "models/model_shape.h"

namespace parallm {
namespace {

void fill_in(const GqaSpec& a, ModelShape& shape) {
  shape.kv_heads = a.kv_heads;
  shape.head_dim = a.head_dim;
}

void fill_in(const MlaSpec& a, ModelShape& shape) {
  shape.kv_heads = 1;
  shape.head_dim = a.latent + a.rope_width;
  shape.latent = a.latent;
}

} // namespace

ModelShape model_shape(const ArchSpec& spec, mx::Dtype dtype) {
  ModelShape shape{
      .layers = static_cast<int>(spec.layers.size()),
      .vocab = spec.vocab,
      .max_positions = spec.max_positions,
      .dtype = dtype};
  std::visit(
      [&](const auto& a) { fill_in(a, shape); }, spec.layers.front().attention);
  return shape;
}

} // namespace parallm
